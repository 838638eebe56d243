import { createHash } from 'node:crypto';
import { Html, html } from './html.js';

// In the page, so that it needs no second request over a phone's connection. Colours have a contrast of 4.5 : 1 or more.
const style = `
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 40rem; padding: 1rem; font: 1.0625rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.375rem; line-height: 1.25; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; }
pre { padding: .75rem; border: 1px solid; white-space: pre-wrap; font-size: .9375rem; }
label { display: block; font-weight: 600; }
textarea { box-sizing: border-box; width: 100%; min-height: 6rem; font: inherit; }
button { width: 100%; min-height: 3rem; margin: 1rem 0; border: 0; border-radius: .5rem; font: inherit; font-weight: 600; background: #0b57d0; color: #fff; }
button.risky { background: #b3261e; }
button:focus-visible, textarea:focus-visible, a:focus-visible { outline: 3px solid; outline-offset: 2px; }
`;

/** For the header Content-Security-Policy: the one stylesheet, forms to ourselves, and nothing else. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A whole page. Works without scripts, on a phone and for a screen reader. */
export function layout(title: string, content: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`.toString();
}

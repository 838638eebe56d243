import { z } from 'zod';

// Names become part of workflow ids, queues and file names: no separators, no spaces.
export const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a name of letters, digits, dot, dash and underscore');
export const folder = z.string().regex(/^\/(?!.*(?:^|\/)\.\.(?:\/|$))[^\p{Cc}]*$/u, 'must be an absolute path without ".."');
export const mountPoint = z
  .string()
  .regex(/^\/[A-Za-z0-9._/-]*$/, 'must be an absolute mount point of letters, digits, dot, dash and slash');
export const command = z.array(z.string().min(1)).min(1, 'must be a command and its arguments, as a list');
export const email = z.email('must be an email address');
export const port = z.int().min(0).max(65_535);

/** Without the slash at its end. */
export const webUrl = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) context.addIssue('must be an http or https URL');
  else if (url.username || url.password) context.addIssue('must not hold a user or password');
  return text.replace(/\/+$/, '');
});

/** A header's name, as messages have it. */
export const headerName = z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,60}$/, 'must be the name of a header');

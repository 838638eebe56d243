// Health check of a container: exit code 0 if the URL of the first argument answers with a status under 400 within 4 s.
const [url] = process.argv.slice(2);
const answer = await fetch(url, { signal: AbortSignal.timeout(4_000) }).catch(({ message }) => ({ ok: false, status: message }));
if (!answer.ok) {
  console.error(`${url}: ${answer.status}`);
  process.exitCode = 1;
}

// A program that starts a server and then only lives, for tests that kill it: node --import tsx owner.ts <server> <folder> <then>
const [kind, folder, then] = process.argv.slice(2) as [string, string, string];
const server = await start();
console.log(server.pid);
if (then === 'stop') await server.stop();

async function start(): Promise<{ pid: number; stop(): Promise<void> }> {
  if (kind === 'Temporal') return (await import('../../../sandbox/servers/temporal.js')).startTemporal({ folder, database: 'file' });
  if (kind === 'PostgreSQL') return (await import('../../../sandbox/servers/postgres.js')).startPostgres({ folder });
  if (kind === 'Valkey') return (await import('../../../sandbox/servers/valkey.js')).startValkey({ folder });
  throw new Error(`No server ${kind}`);
}

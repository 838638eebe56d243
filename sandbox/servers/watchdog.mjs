// Kills the servers of a process that is gone, however it went (kill -9 included). Plain JavaScript, so that bare Node runs it.
// Its stdin is a pipe held by the owner: `own <pid> <signal>`, `release <pid>`; the end of the pipe is the owner's death.
import { createInterface } from 'node:readline';

const owned = new Map();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {}); // it outlives the owner, on purpose

const send = (pid, signal) => {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false; // already gone
  }
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [verb, pid, signal] = line.split(' ');
    if (verb === 'own') owned.set(Number(pid), signal);
    else owned.delete(Number(pid));
  })
  .on('close', () => {
    for (const [pid, signal] of owned) send(pid, signal);
    const killAt = Date.now() + 5_000;
    const look = () => {
      const alive = [...owned.keys()].filter((pid) => send(pid, 0));
      if (alive.length === 0) process.exit(0);
      if (Date.now() > killAt) {
        for (const pid of alive) send(pid, 'SIGKILL');
        process.exit(0);
      }
      setTimeout(look, 50);
    };
    look();
  });

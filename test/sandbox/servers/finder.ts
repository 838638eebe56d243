// Finds a program as a process of its own, for tests in which several do so at once: node --import tsx finder.ts <program>
import { findBinary } from '../../../sandbox/servers/binaries.js';
import type { BinaryName } from '../../../sandbox/servers/binaries.js';

console.log(await findBinary(process.argv[2] as BinaryName, { onProgress: console.log }));

// A program that starts a sandbox and then only lives, for the test that kills it: node --import tsx killed.ts <folder>
import { startAuthos } from '../../../sandbox/authos/authos.js';

const [folder] = process.argv.slice(2) as [string];
await startAuthos({ folder, name: 'app-1' });
console.log('started');

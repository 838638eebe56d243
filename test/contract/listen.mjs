import { createServer } from 'node:net';

/* Takes connections at port 443 of every address, and says when it does. */
createServer((socket) => socket.end()).listen(443, '::', () => console.log('listening'));

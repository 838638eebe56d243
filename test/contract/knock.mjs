import { connect } from 'node:net';

/* Connects from one address to another's port 443 and says how it fared: a firewall that drops is silent. */
const [from, to] = process.argv.slice(2);
const socket = connect({ host: to, port: 443, localAddress: from });
const end = (words) => {
  console.log(words);
  socket.destroy();
};
socket.setTimeout(600, () => end('dropped'));
socket.once('connect', () => end('let in'));
socket.once('error', (error) => end(error.code));

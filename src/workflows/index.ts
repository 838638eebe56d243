/* The runbooks: the workflows of the run worker. */
export { diskSpaceCritical } from './disk-space-critical.js';
export { generalTroubleshooting } from './general-troubleshooting.js';

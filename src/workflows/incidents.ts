/* The workflows of the incident worker. They page: no runbook is in this bundle. */
export { block } from './block.js';
export { canary } from './canary.js';
export { doctor } from './doctor.js';
export { incident } from './incident.js';
export { lock } from './lock.js';
export { mode } from './mode.js';
export { patrol } from './patrol.js';
export { silences } from './silences.js';
export { undo } from './undo.js';

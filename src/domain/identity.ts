import { sha256 } from '@noble/hashes/sha2.js';

const inventoryName = /^[A-Za-z0-9][A-Za-z0-9._-]*(?::[A-Za-z0-9._/-]+)?$/;
const notInInventory = ' (not in the inventory)';

/** Workflow id of the one incident of a runbook on a target: a slug of an inventory name, else a hash, so no alert text is an id. */
export function incidentWorkflowId(runbook: string, target: string): string {
  const known = inventoryName.test(target) && target.length <= 200;
  return `incident/${runbook}/${known ? slug(target) : hash(target)}`;
}

/**
 * The readable target of an alert that names something the inventory does not know. It holds the alert's words, so the mark
 * at its end keeps it from ever looking like an inventory name, and `incidentWorkflowId` hashes it.
 */
export function unknownTarget(words: string): string {
  return words + notInInventory;
}

// `~` cannot occur in an inventory name, so that `app-1:/var` and a host `app-1-var` stay apart.
function slug(name: string): string {
  return name.replace(/[:/]+/g, '~');
}

function hash(text: string): string {
  const digest = sha256(new TextEncoder().encode(text));
  return `x-${Array.from(digest.slice(0, 12), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

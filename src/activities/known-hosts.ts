import { ApplicationFailure } from '@temporalio/activity';

import type { Host } from '../domain/inventory.js';
import type { Place } from '../domain/place.js';

/** Whether an act may be done, and why or why not. What could not be found out does not hold. */
export interface Condition {
  holds: boolean;
  why: string;
}

/** The failure for an inventory that does not fit the system: never retried, because only a person can correct it. */
export function hostMisconfigured(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'HostMisconfigured');
}

/** The failure for an argument that no caller should send: never retried. */
export function badInput(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'BadInput');
}

/** The inventory's host of a place. Throws `HostMisconfigured`, not retried, if this worker's inventory has no such host. */
export function hostNamed(hosts: readonly Host[], name: string): Host {
  const host = hosts.find((known) => known.name === name);
  if (host === undefined) throw hostMisconfigured(`host ${JSON.stringify(name)} is not in the inventory of this worker`);
  return host;
}

/** The mount of a place, if the inventory lists it for the host. Throws `HostMisconfigured`, not retried, if not. */
export function mountNamed(host: Host, place: Place): string {
  if (place.mount === undefined) throw hostMisconfigured(`place ${JSON.stringify(place.name)} names no mount`);
  if (!host.mounts.includes(place.mount)) {
    throw hostMisconfigured(`mount ${JSON.stringify(place.mount)} is not one of host ${host.name}: ${host.mounts.join(', ')}`);
  }
  return place.mount;
}

/** The value, if it is a whole number within the bounds. Throws `BadInput`, not retried, naming it if not. */
export function wholeNumber(name: string, value: number, { min, max }: { min: number; max: number }): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw badInput(`${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(value)}`);
  }
  return value;
}

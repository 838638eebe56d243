import { z } from 'zod';
import { approvable, type Permissions, restrictable } from '../domain/permissions.js';
import { roles } from '../domain/runbook.js';
import { standardPeople } from './people.js';
import type { Problem } from './problems.js';

const names = z.array(z.string().min(1).max(63));

/** The section `permissions`: who may what. Without it everybody with a token may everything. */
export const permissionsSection = z
  .strictObject({
    ...(Object.fromEntries(restrictable.map((action) => [action, names.optional()])) as Record<(typeof restrictable)[number], z.ZodOptional<typeof names>>),
    approve: z.strictObject(Object.fromEntries(approvable.map((risk) => [risk, names.optional()])) as Record<(typeof approvable)[number], z.ZodOptional<typeof names>>).optional(),
    twoPeople: z.array(z.enum(approvable)).default([]),
    ownRequests: z.enum(['refused', 'allowed']).default('refused'),
  })
  // What the file leaves out is absent, and not undefined.
  .transform((given) => given as Permissions)
  .optional();

/** Names that are neither a role nor a person, and roles that nobody holds: who was meant could not act at night. */
export function permissionProblems(permissions: Permissions | undefined, people: readonly string[], held: readonly string[]): Problem[] {
  if (!permissions) return [];
  const lists: [string, readonly string[] | undefined][] = [
    ...restrictable.map((action): [string, string[] | undefined] => [action, permissions[action]]),
    ...approvable.map((risk): [string, string[] | undefined] => [`approve.${risk}`, permissions.approve?.[risk]]),
  ];
  return lists.flatMap(([path, list = []]) =>
    list.flatMap((name): Problem[] => {
      const at = `permissions.${path}`;
      if ((roles as readonly string[]).includes(name)) return held.includes(name) ? [] : [{ path: at, message: `nobody holds the role ${name}` }];
      return people.includes(name) || Object.hasOwn(standardPeople, name) ? [] : [{ path: at, message: `no such role or person (got ${JSON.stringify(name)})` }];
    }),
  );
}

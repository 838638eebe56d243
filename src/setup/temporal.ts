import { setTimeout as pause } from 'node:timers/promises';
import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { queryByAll, searchAttributes } from '../domain/search-attributes.js';

const { IndexedValueType } = proto.temporal.api.enums.v1;

const indexed = {
  KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  INT: IndexedValueType.INDEXED_VALUE_TYPE_INT,
  DATETIME: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
};

/** A search attribute of ours is there with another type: whoever owns the namespace has to choose. */
export class SearchAttributeTaken extends Error {
  override readonly name = 'SearchAttributeTaken';
}

export interface Registration {
  namespace: string;
  /** How long Temporal keeps a closed incident's history, in days. Reports are kept elsewhere. */
  retentionDays: number;
  /** How long to wait for the namespace to be known everywhere, in ms: up to 15 s by Temporal's own cache. */
  patience?: number;
}

/**
 * Registers the namespace and our search attributes, and resolves once incidents can be found by them. What is there stays as
 * it is, a longer retention too, so a repeat is safe. Says what it did, in words. Throws `SearchAttributeTaken`; Temporal's own
 * error if it refuses; the last one if it takes longer than `patience`.
 */
export async function registerWithTemporal(connection: Connection, { namespace, retentionDays, patience = 60_000 }: Registration): Promise<string[]> {
  const said: string[] = [];
  const giveUpAt = Date.now() + patience;
  const made = await connection.workflowService
    .registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs(retentionDays * 86_400_000) })
    .then(() => true, ifAlreadyThere);
  said.push(made ? `namespace ${namespace} registered, closed incidents are kept ${retentionDays} days` : `namespace ${namespace} is there`);

  const known = await soon(giveUpAt, () => connection.operatorService.listSearchAttributes({ namespace }));
  const wanted = Object.values(searchAttributes).map(({ name, type }) => ({ name, type: indexed[type] }));
  const taken = wanted.filter(({ name, type }) => known.customAttributes[name] !== undefined && known.customAttributes[name] !== type);
  if (taken.length > 0) {
    const list = taken.map(({ name, type }) => `${name} is ${IndexedValueType[known.customAttributes[name] ?? 0]}, not ${IndexedValueType[type]}`);
    throw new SearchAttributeTaken(`the namespace ${namespace} has search attributes of ours with another type: ${list.join('; ')}`);
  }
  const missing = wanted.filter(({ name }) => known.customAttributes[name] === undefined);
  if (missing.length > 0) {
    const attributes = Object.fromEntries(missing.map(({ name, type }) => [name, type]));
    await soon(giveUpAt, () => connection.operatorService.addSearchAttributes({ namespace, searchAttributes: attributes }).catch(ifAlreadyThere));
  }
  said.push(missing.length > 0 ? `search attributes registered: ${missing.map(({ name }) => name).join(', ')}` : 'search attributes are there');

  // A worker that used one too early would stand still: only a query by all of them shows that they are known.
  await soon(giveUpAt, () => connection.workflowService.listWorkflowExecutions({ namespace, query: queryByAll, pageSize: 1 }));
  return said;
}

/** Adds our search attributes to a namespace that has none of them: of a server of one's own, which needs no patience. */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const attributes = Object.fromEntries(Object.values(searchAttributes).map(({ name, type }) => [name, indexed[type]]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: attributes });
}

function ifAlreadyThere(error: unknown): false {
  if (isGrpcServiceError(error) && error.code === 6) return false; // ALREADY_EXISTS
  throw error;
}

/** Again and again until it works: a new namespace and its attributes reach the server's caches one after the other. */
async function soon<Answer>(giveUpAt: number, call: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      // 3 INVALID_ARGUMENT (an attribute that is not known yet), 5 NOT_FOUND (the namespace), 14 UNAVAILABLE.
      if (Date.now() > giveUpAt || !isGrpcServiceError(error) || ![3, 5, 14].includes(error.code)) throw error;
    }
    await pause(500);
  }
}

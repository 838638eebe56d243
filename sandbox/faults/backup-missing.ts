import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Authos } from '../authos/authos.js';
import { alertmanagerPayload } from './alertmanager.js';
import type { Fault } from './fault.js';

const backup = (authos: Authos): string => join(authos.keyBackup, 'authos.dump');

/** Trouble that fits no runbook: people are told what a first look finds, one of them sees to it, and its source says that it is over. */
export function backupMissing(): Fault {
  return {
    name: 'backup-missing',
    runbook: 'generalTroubleshooting',
    title: 'The backup of last night was not made',
    async put(authos) {
      if ((await examine(authos)).over) throw new Error('There is a backup of last night');
    },
    alert: async (authos) =>
      alertmanagerPayload({
        labels: { alertname: 'BackupMissing', severity: 'warning', environment: authos.environment, instance: `${authos.name}:9100`, job: 'backup' },
        annotations: { summary: `No backup of ${authos.environment} since yesterday`, description: 'The newest backup is older than 24 h.' },
        startsAt: new Date(),
      }),
    async byHand(authos) {
      await writeFile(backup(authos), 'made by hand');
      return 'makes the backup';
    },
    sourceResolves: true,
    over: examine,
    answers: () => undefined,
  };
}

async function examine(authos: Authos): Promise<{ over: boolean; evidence: string }> {
  const there = await access(backup(authos)).then(
    () => true,
    () => false,
  );
  return { over: there, evidence: `the backup is ${there ? 'there' : 'missing'}` };
}

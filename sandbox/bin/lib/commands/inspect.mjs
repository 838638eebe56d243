import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cachedConfigFile, cachedRoutesFile } from '../config.mjs';
import { error, twoColumns } from '../output.mjs';
import { runPhp } from '../php/evaluate.mjs';
import { laravelFunctions } from '../php/laravel.mjs';
import { passportFunctions } from '../php/passport.mjs';

function flatten(value, prefix) {
  if (value === null || typeof value !== 'object') return [[prefix, value]];
  return Object.entries(value).flatMap(([key, inner]) => flatten(inner, prefix === '' ? key : `${prefix} ⇁ ${key}`));
}

const shown = (value) => (value === null ? 'null' : typeof value === 'string' ? value : JSON.stringify(value));
const lookUp = (config, path) => path.split('.').reduce((value, key) => (value === null ? undefined : value?.[key]), config);

function about({ root, config }) {
  const views = join(root, 'storage/framework/views');
  return {
    environment: { application_name: config.app.name, environment: config.app.env, debug_mode: config.app.debug, url: config.app.url, timezone: config.app.timezone },
    cache: {
      config: existsSync(cachedConfigFile(root)),
      events: false,
      routes: existsSync(cachedRoutesFile(root)),
      views: existsSync(views) && readdirSync(views).some((name) => name.endsWith('.php')),
    },
    drivers: {
      cache: config.cache.default,
      database: config.database.default,
      logs: [config.logging.default],
      queue: config.queue.default,
      session: config.session.driver,
    },
  };
}

export const inspectCommands = {
  about: {
    description: 'Display basic information about your application',
    options: { json: false, only: true },
    run(world, { json }) {
      const sections = about(world);
      if (json) return console.log(JSON.stringify(sections));
      for (const [section, values] of Object.entries(sections)) {
        console.log();
        twoColumns(section, '');
        for (const [key, value] of Object.entries(values)) twoColumns(key, shown(value));
      }
      console.log();
    },
  },
  'config:show': {
    description: 'Display all of the values for a given configuration file or key',
    run({ config }, { _: [path] }) {
      if (path === undefined) throw new Error('Not enough arguments (missing: "config").');
      const value = lookUp(config, path);
      if (value === undefined) {
        error(`Configuration file or key \`${path}\` does not exist.`);
        return 1;
      }
      console.log();
      if (value === null || typeof value !== 'object') twoColumns(path, shown(value));
      else for (const [key, inner] of flatten(value, '')) twoColumns(key, shown(inner));
      console.log();
    },
  },
  tinker: {
    description: 'Interact with your application',
    options: { execute: true },
    async run({ root, config }, { execute }) {
      if (execute === undefined) throw new Error('The sandbox has no prompt: tinker needs --execute.');
      process.stdout.write(await runPhp(execute, { ...laravelFunctions(config), ...passportFunctions(root, config) }));
    },
  },
};

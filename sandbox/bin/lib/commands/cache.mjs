import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openCache } from '../cache.mjs';
import { cacheConfig, cachedRoutesFile, clearCachedConfig } from '../config.mjs';
import { info, task } from '../output.mjs';

async function flushStore({ config }, name) {
  const cache = await openCache(config, name);
  try {
    await cache.flush();
  } finally {
    await cache.close();
  }
}

function clearViews({ root }) {
  const folder = join(root, 'storage/framework/views');
  for (const name of readdirSync(folder)) if (name.endsWith('.php')) rmSync(join(folder, name), { force: true });
}

function cacheViews({ root }) {
  clearViews({ root });
  const views = join(root, 'resources/views');
  const compiled = join(root, 'storage/framework/views');
  mkdirSync(compiled, { recursive: true });
  for (const name of readdirSync(views).filter((view) => view.endsWith('.blade.php'))) {
    const target = join(compiled, `${createHash('sha1').update(join(views, name)).digest('hex')}.php`);
    writeFileSync(target, `${readFileSync(join(views, name), 'utf8')}\n<?php /**PATH ${join(views, name)} ENDPATH**/ ?>\n`);
  }
}

function cacheRoutes({ root }) {
  writeFileSync(cachedRoutesFile(root), `<?php // compiled from routes/api.php, ${randomUUID()}\n${readFileSync(join(root, 'routes/api.php'), 'utf8').replace('<?php', '')}`);
}

const clearRoutes = ({ root }) => rmSync(cachedRoutesFile(root), { force: true });

export const cacheCommands = {
  'cache:clear': {
    description: 'Flush the application cache',
    options: { tags: true },
    async run(world, { _: [store] }) {
      await flushStore(world, store);
      info('Application cache cleared successfully.');
    },
  },
  'cache:forget': {
    description: 'Remove an item from the cache',
    async run({ config }, { _: [key, store] }) {
      if (key === undefined) throw new Error('Not enough arguments (missing: "key").');
      const cache = await openCache(config, store);
      await cache.forget(key).finally(() => cache.close());
      info(`The [${key}] key has been removed from the cache.`);
    },
  },
  'config:cache': {
    description: 'Create a cache file for faster configuration loading',
    run({ root }) {
      cacheConfig(root);
      info('Configuration cached successfully.');
    },
  },
  'config:clear': {
    description: 'Remove the configuration cache file',
    run({ root }) {
      clearCachedConfig(root);
      info('Configuration cache cleared successfully.');
    },
  },
  'route:cache': {
    description: 'Create a route cache file for faster route registration',
    run(world) {
      cacheRoutes(world);
      info('Routes cached successfully.');
    },
  },
  'route:clear': {
    description: 'Remove the route cache file',
    run(world) {
      clearRoutes(world);
      info('Route cache cleared successfully.');
    },
  },
  'view:cache': {
    description: "Compile all of the application's Blade templates",
    run(world) {
      cacheViews(world);
      info('Blade templates cached successfully.');
    },
  },
  'view:clear': {
    description: 'Clear all compiled view files',
    run(world) {
      clearViews(world);
      info('Compiled views cleared successfully.');
    },
  },
  optimize: {
    description: 'Cache framework bootstrap, configuration, and metadata to increase performance',
    async run(world) {
      info('Caching framework bootstrap, configuration, and metadata.');
      await task('config', () => cacheConfig(world.root));
      await task('routes', () => cacheRoutes(world));
      await task('views', () => cacheViews(world));
    },
  },
  'optimize:clear': {
    description: 'Remove the cached bootstrap files',
    options: { except: true },
    async run(world, { except = '' }) {
      info('Clearing cached bootstrap files.');
      const parts = {
        cache: () => flushStore(world),
        config: () => clearCachedConfig(world.root),
        routes: () => clearRoutes(world),
        views: () => clearViews(world),
      };
      for (const [name, clear] of Object.entries(parts)) if (!except.split(',').includes(name)) await task(name, clear);
    },
  },
};

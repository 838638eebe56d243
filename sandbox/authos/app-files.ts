import { generateKeyPair, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { appCode } from './app-code.js';

export interface AppSettings {
  url: string;
  environment: string;
  timeZone: string;
  database: { host: string; port: number; name: string; user: string; password: string };
  redis: { host: string; port: number; password?: string };
  /** Seconds after which a job whose worker has died is given to another. */
  retryAfter: number;
}

/** Lays out the application's root, its volume already in place: artisan, `.env`, config, routes, storage, OAuth keys. */
export async function layOutApplication(root: string, settings: AppSettings): Promise<void> {
  const folders = [
    'app/Mail',
    'app/Models',
    'app/Queries',
    'bootstrap/cache',
    'config',
    'database/migrations',
    'public',
    'resources/views',
    'routes',
    'storage/app',
    'storage/framework/cache/data',
    'storage/framework/sessions',
    'storage/framework/views',
    'storage/logs',
  ];
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
  const keys = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const files: Record<string, string> = {
    ...texts,
    ...appCode,
    '.env': envOf(settings),
    'storage/oauth-private.key': keys.privateKey,
    'storage/oauth-public.key': keys.publicKey,
  };
  for (const [path, text] of Object.entries(files)) {
    const secret = path === '.env' || path.endsWith('.key');
    await writeFile(join(root, path), text, { mode: secret ? 0o600 : 0o644 });
  }
}

function envOf({ url, environment, timeZone, database, redis, retryAfter }: AppSettings): string {
  return `APP_NAME=AuthOS
APP_ENV=${environment}
APP_KEY=base64:${randomBytes(32).toString('base64')}
APP_DEBUG=false
APP_URL=${url}
APP_TIMEZONE=${timeZone}

LOG_CHANNEL=stack
LOG_FORMAT=line

DB_CONNECTION=pgsql
DB_HOST=${database.host}
DB_PORT=${database.port}
DB_DATABASE=${database.name}
DB_USERNAME=${database.user}
DB_PASSWORD=${database.password}

# sessions, queue and locks are not in the cache's database: clearing it logs nobody out
CACHE_STORE=redis
SESSION_DRIVER=file
SESSION_LIFETIME=120
QUEUE_CONNECTION=database
REDIS_HOST=${redis.host}
REDIS_PORT=${redis.port}
REDIS_PASSWORD=${redis.password ?? 'null'}
REDIS_CACHE_DB=1

DB_QUEUE_RETRY_AFTER=${retryAfter}
REPORTS_FOLDER=reports

WEBHOOK_MAX_RETRIES=3
WEBHOOK_RETRY_DELAY=60

RATE_LIMIT_AUTH=10
MAIL_MAILER=log
DIRECTORY_CACHE_SECONDS=300
`;
}

const texts = {
  artisan: `#!/usr/bin/env php
<?php

define('LARAVEL_START', microtime(true));
require __DIR__.'/vendor/autoload.php';
$status = (require_once __DIR__.'/bootstrap/app.php')->handleCommand(new Symfony\\Component\\Console\\Input\\ArgvInput);
exit($status);
`,
  'config/app.php': `<?php

return [
    'name' => env('APP_NAME', 'AuthOS'),
    'env' => env('APP_ENV', 'production'),
    'debug' => (bool) env('APP_DEBUG', false),
    'url' => env('APP_URL'),
    'timezone' => env('APP_TIMEZONE', 'UTC'),
];
`,
  'config/auth.php': `<?php

return ['rate_limit' => (int) env('RATE_LIMIT_AUTH', 10)];
`,
  'config/cache.php': `<?php

return [
    'default' => env('CACHE_STORE', 'database'),
    'stores' => [
        'redis' => ['driver' => 'redis', 'connection' => 'cache', 'lock_connection' => 'default'],
        'file' => ['driver' => 'file', 'path' => storage_path('framework/cache/data')],
        'array' => ['driver' => 'array'],
    ],
    'prefix' => env('CACHE_PREFIX', 'authos_cache_'),
];
`,
  'config/database.php': `<?php

return [
    'default' => env('DB_CONNECTION', 'pgsql'),
    'connections' => [
        'pgsql' => [
            'driver' => 'pgsql',
            'host' => env('DB_HOST'),
            'port' => env('DB_PORT'),
            'database' => env('DB_DATABASE'),
            'username' => env('DB_USERNAME'),
            'password' => env('DB_PASSWORD'),
        ],
    ],
    'migrations' => 'migrations',
    'redis' => [
        'options' => ['prefix' => env('REDIS_PREFIX', 'authos_database_')],
        'default' => ['host' => env('REDIS_HOST'), 'port' => env('REDIS_PORT'), 'password' => env('REDIS_PASSWORD'), 'database' => env('REDIS_DB', '0')],
        'cache' => ['host' => env('REDIS_HOST'), 'port' => env('REDIS_PORT'), 'password' => env('REDIS_PASSWORD'), 'database' => env('REDIS_CACHE_DB', '1')],
    ],
];
`,
  'config/directory.php': `<?php

return ['cache_seconds' => (int) env('DIRECTORY_CACHE_SECONDS', 300)];
`,
  'config/logging.php': `<?php

return [
    'default' => env('LOG_CHANNEL', 'stack'),
    'format' => env('LOG_FORMAT', 'line'),
    'channels' => ['stack' => ['driver' => 'stack', 'channels' => ['laravel']]] + array_map(
        fn ($name) => ['driver' => 'daily', 'path' => storage_path("logs/$name.log"), 'days' => 14],
        array_combine($names = ['laravel', 'api', 'security', 'oauth', 'performance', 'monitoring', 'webhooks', 'audit'], $names),
    ),
];
`,
  'config/queue.php': `<?php

return [
    'default' => env('QUEUE_CONNECTION', 'database'),
    'connections' => [
        'database' => ['driver' => 'database', 'table' => 'jobs', 'queue' => 'default', 'retry_after' => (int) env('DB_QUEUE_RETRY_AFTER', 90)],
        'redis' => ['driver' => 'redis', 'connection' => 'default', 'queue' => 'default', 'retry_after' => 90],
        'sync' => ['driver' => 'sync'],
    ],
    'failed' => ['driver' => 'database-uuids', 'database' => 'pgsql', 'table' => 'failed_jobs'],
];
`,
  'config/reports.php': `<?php

return ['folder' => env('REPORTS_FOLDER', 'reports')];
`,
  'config/webhooks.php': `<?php

return [
    'max_retries' => (int) env('WEBHOOK_MAX_RETRIES', 3),
    'retry_delay' => (int) env('WEBHOOK_RETRY_DELAY', 60),
];
`,
  'config/session.php': `<?php

return [
    'driver' => env('SESSION_DRIVER', 'database'),
    'lifetime' => (int) env('SESSION_LIFETIME', 120),
    'files' => storage_path('framework/sessions'),
    'connection' => env('SESSION_CONNECTION'),
    'table' => 'sessions',
    'store' => env('SESSION_STORE'),
];
`,
  'routes/api.php': `<?php

use Illuminate\\Support\\Facades\\Route;

Route::prefix('auth')->middleware('throttle:auth')->group(function () {
    Route::post('login', [AuthController::class, 'login']);
    Route::post('register', [AuthController::class, 'register']);
    Route::post('password/email', [PasswordController::class, 'email']);
});
Route::get('health', [HealthController::class, 'index']);
Route::get('health/detailed', [HealthController::class, 'detailed']);
Route::get('health/{component}', [HealthController::class, 'component']);
Route::prefix('v1/monitoring')->middleware(['auth:api', 'throttle:monitoring'])->group(base_path('routes/monitoring.php'));
`,
  'resources/views/welcome.blade.php': '<h1>{{ config("app.name") }}</h1>\n',
  'resources/views/login.blade.php': '<form method="post">@csrf<input name="email"><input name="password" type="password"></form>\n',
};

/** The application's own code and what Composer knows of it, by path below the root: what a deployment changes. */
export const appCode: Record<string, string> = {
  '.gitignore': '/.env\n/bootstrap/cache/*\n/storage\n/vendor\n',
  'app/Queries/organizations.sql': `select organization_id, count(*)::int as members
from users where organization_id is not null
group by organization_id order by members desc limit 50
`,
  'app/Queries/activity.sql': `select u.id, u.name, (
  select max(l.created_at) from authentication_logs l where l.user_id = u.id
) as last_seen
from users u order by u.id limit 8
`,
  'app/Queries/directory.sql': `select ip_address, event, count(*)::int as logins, count(distinct user_id)::int as people, max(created_at) as latest
from authentication_logs group by ip_address, event order by logins desc limit 100
`,
  'app/Models/User.php': `<?php

namespace App\\Models;

class User extends Authenticatable
{
    use HasApiTokens;
}
`,
  'app/Mail/SecurityAlertMail.php': `<?php

namespace App\\Mail;

use Illuminate\\Mail\\Mailable;

class SecurityAlertMail extends Mailable
{
}
`,
  'composer.json': `{
    "name": "authos/authos",
    "require": { "php": "^8.2", "laravel/framework": "^11.0", "laravel/passport": "^12.0" },
    "require-dev": { "phpunit/phpunit": "^11.0" },
    "autoload": { "psr-4": { "App\\\\": "app/" } }
}
`,
  'composer.lock': `{
    "packages": [
        { "name": "laravel/framework", "version": "v11.44.0" },
        { "name": "laravel/passport", "version": "v12.4.2" }
    ],
    "packages-dev": [{ "name": "phpunit/phpunit", "version": "11.5.0" }]
}
`,
};

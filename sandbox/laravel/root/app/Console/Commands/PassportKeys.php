<?php

namespace App\Console\Commands;

use Illuminate\Console\Command;

/** `passport:keys` as Passport has it, with PHP's own OpenSSL. */
class PassportKeys extends Command
{
    protected $signature = 'passport:keys
        {--force : Overwrite keys that exist}
        {--length=4096 : The length of the private key}';

    protected $description = 'Create the encryption keys for API authentication';

    public function handle(): int
    {
        [$public, $private] = [storage_path('oauth-public.key'), storage_path('oauth-private.key')];
        if ((file_exists($public) || file_exists($private)) && ! $this->option('force')) {
            $this->error('Encryption keys already exist. Use the --force option to overwrite them.');

            return self::FAILURE;
        }
        $key = openssl_pkey_new(['private_key_bits' => (int) $this->option('length')]);
        openssl_pkey_export($key, $pem);
        file_put_contents($public, openssl_pkey_get_details($key)['key']);
        file_put_contents($private, $pem);
        chmod($public, 0660);
        chmod($private, 0600);
        $this->info('Encryption keys generated successfully.');

        return self::SUCCESS;
    }
}

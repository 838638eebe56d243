<?php

// Debian's packages of Laravel, each with an autoloader of its own; there is no Composer and no vendor folder.
require_once '/usr/share/php/Illuminate/autoload.php';
foreach (glob('/usr/share/php/Illuminate/*/autoload.php') as $file) {
    require_once $file;
}

spl_autoload_register(function (string $class): void {
    $file = dirname(__DIR__).'/app/'.str_replace('\\', '/', substr($class, strlen('App\\'))).'.php';
    if (str_starts_with($class, 'App\\') && is_file($file)) {
        require $file;
    }
});

$app = new Illuminate\Foundation\Application(dirname(__DIR__));
$app->singleton(Illuminate\Contracts\Console\Kernel::class, App\Console\Kernel::class);
$app->singleton(Illuminate\Contracts\Debug\ExceptionHandler::class, Illuminate\Foundation\Exceptions\Handler::class);

return $app;

<?php

use Illuminate\Support\Facades\Route;

Route::get('errors', [MonitoringController::class, 'errors']);

<?php
// Reads and writes settings with the arguments of Moodle's script of this name. Records the arguments of its process and of the one that
// started it, as other users of the machine can see them.

define('CLI_SCRIPT', true);
require(__DIR__ . '/../../config.php');

$options = [];
foreach (array_slice($_SERVER['argv'], 1) as $argument) {
    [$name, $value] = explode('=', substr($argument, 2), 2) + [1 => true];
    $options[$name] = $value;
}
$parent = posix_getppid_of_this();
foreach (['self', $parent] as $process) {
    file_put_contents(__DIR__ . '/seen', str_replace("\0", ' ', (string) @file_get_contents("/proc/$process/cmdline")) . "\n", FILE_APPEND);
}
$settings = settings();
$component = $options['component'] ?? 'core';
if (isset($options['set'])) {
    $settings[$component][$options['name']] = $options['set'];
    store($settings);
} else {
    echo json_encode((object) ($settings[$component] ?? [])), "\n";
}

// Without the extension posix.
function posix_getppid_of_this(): string {
    preg_match('/^PPid:\s*(\d+)$/m', file_get_contents('/proc/self/status'), $found);
    return $found[1];
}

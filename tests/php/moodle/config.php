<?php
// A small tree with the names of Moodle's scripts, for the tests of `connect` and `doctor`: settings are in one file of JSON,
// and models are counted.

namespace {
    define('SETTINGS', __DIR__ . '/settings.json');

    function settings(): array {
        return is_file(SETTINGS) ? json_decode(file_get_contents(SETTINGS), true) : [];
    }

    function store(array $settings): void {
        file_put_contents(SETTINGS, json_encode($settings));
    }
}

namespace core_analytics {
    class a_model {
        public function __construct(private int $id) {
        }

        public function clear(): void {
            $settings = \settings();
            if (!empty($settings['test']['broken'])) {
                throw new \Exception('the processor is not ready');
            }
            // Which processor was in force when the model was cleared.
            $settings['test']['cleared'][$this->id] = $settings['analytics']['predictionsprocessor'];
            \store($settings);
        }
    }

    class manager {
        public static function get_all_models(): array {
            return [new a_model(1), new a_model(2)];
        }
    }
}

<?php
// Sends a form as Moodle's plugin does, with PHP's libcurl, and reads the reply as it does. Prints what the plugin sees.
//
//     php moodle_request.php URL USER:PASSWORD DATASET name=value...

[, $url, $user, $dataset] = $argv;
$form = [];
foreach (array_slice($argv, 4) as $field) {
    [$name, $value] = explode('=', $field, 2);
    $form[$name] = $value;
}
$form['dataset'] = new CURLFile($dataset);

$encoding = null;
$curl = curl_init($url);
curl_setopt_array($curl, [
    CURLOPT_POST => true,
    CURLOPT_POSTFIELDS => $form,
    CURLOPT_HTTPHEADER => ['Authorization: Basic ' . base64_encode($user)],
    CURLOPT_USERAGENT => 'MoodleBot/4.5',
    CURLOPT_RETURNTRANSFER => true,
    // All encodings that libcurl has. No total timeout: Moodle waits without limit.
    CURLOPT_ENCODING => '',
    CURLOPT_CONNECTTIMEOUT => 30,
    CURLOPT_FOLLOWLOCATION => true,
    CURLOPT_PROXY => '',
    CURLOPT_HEADERFUNCTION => function ($curl, $line) use (&$encoding) {
        if (preg_match('/^content-encoding: *(\S+)/i', $line, $found)) {
            $encoding = $found[1];
        }
        return strlen($line);
    },
]);
$body = curl_exec($curl);
$reply = $body === false ? null : json_decode($body);
echo json_encode([
    'curl' => curl_error($curl),
    'http' => curl_getinfo($curl, CURLINFO_RESPONSE_CODE),
    'seconds' => curl_getinfo($curl, CURLINFO_TOTAL_TIME),
    'encoding' => $encoding,
    'spaces' => $body === false ? 0 : strspn($body, ' '),
    'body' => $reply === null ? $body : '',
    'reply' => $reply,
]), "\n";

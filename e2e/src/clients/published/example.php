<?php
// Sends a packed payload, and reports its end by the rule of the published PHP example: a build has succeeded if the HTTP status is 200.
[, $rule, $url, $tarFile, $secretFile] = $argv;
if ($rule !== 'example') {
    fwrite(STDERR, "there is no rule $rule\n");
    exit(2);
}
$data = file_get_contents($tarFile);
$signature = hash_hmac('sha256', $data, trim(file_get_contents($secretFile)));
$text = file_get_contents("$url/build", false, stream_context_create(['http' => [
    'method' => 'POST',
    'header' => "Content-Type: application/octet-stream\r\nX-Build-Signature: sha256=$signature",
    'content' => $data,
    'ignore_errors' => true,
    'timeout' => 300,
]]));
$status = (int) explode(' ', $http_response_header[0])[1];
$answer = json_decode($text, true, 512, JSON_THROW_ON_ERROR);
echo json_encode($status === 200 ? ['ok' => true, 'said' => $answer['image']] : ['ok' => false, 'said' => $answer['status']]);

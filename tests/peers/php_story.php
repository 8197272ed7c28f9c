<?php
// A session's life told by PHP's SoapClient, which knows our WSDL alone: URL CA USER PASSWORD.
// What came of it is printed as JSON.
[, $url, $ca, $user, $password] = $argv;

class Reference
{
    public function __construct(public string $_, public string $type)
    {
    }
}

$client = new SoapClient("$url/sdk/vimService.wsdl", [
    'stream_context' => stream_context_create(['ssl' => ['cafile' => $ca]]),
    'cache_wsdl' => WSDL_CACHE_NONE,
]);

function call(string $name, object $on, array $arguments = []): mixed
{
    global $client;
    return $client->$name(['_this' => $on, ...$arguments])->returnval ?? null;
}

function refused(string $name, object $on, array $arguments = []): string
{
    try {
        call($name, $on, $arguments);
        return 'answered';
    } catch (SoapFault $fault) {
        return preg_replace('/Fault$/', '', key(get_object_vars($fault->detail)));
    }
}

function properties(object $collector, object $of, string ...$names): array
{
    $spec = [
        'propSet' => [['type' => $of->type, 'pathSet' => $names]],
        'objectSet' => [['obj' => $of]],
    ];
    $found = call('RetrieveProperties', $collector, ['specSet' => [$spec]]);
    $values = $found->propSet ?? [];
    return array_column(is_array($values) ? $values : [$values], 'val', 'name');
}

$instance = new Reference('ServiceInstance', 'ServiceInstance');
$content = call('RetrieveServiceContent', $instance);
$manager = $content->sessionManager;
$told = ['api' => $content->about->apiType];
$told['wrong password'] = refused('Login', $manager, ['userName' => $user, 'password' => 'wrong']);
$session = call('Login', $manager, ['userName' => $user, 'password' => $password]);
$told['user'] = $session->userName;
$collector = $content->propertyCollector;
$told['current session'] =
    properties($collector, $manager, 'currentSession')['currentSession']->key === $session->key;
$root = properties($collector, $content->rootFolder, 'name', 'childEntity');
$told['root'] = $root['name'];
$told['children'] = count((array) $root['childEntity']);
$told['time'] = abs(strtotime(call('CurrentTime', $instance)) - time()) < 60;
$told['found'] = call('FindByInventoryPath', $content->searchIndex, ['inventoryPath' => '/x']);
call('Logout', $manager);
$told['after logout'] = properties($collector, $manager, 'currentSession');
$told['time after logout'] = refused('CurrentTime', $instance);
echo json_encode($told);

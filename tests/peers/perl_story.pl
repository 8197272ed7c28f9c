# A session's life told by SOAP::Lite, which reads our WSDL: URL USER PASSWORD. Whom to trust stands in
# PERL_LWP_SSL_CA_FILE. What came of it is printed as JSON.
use strict;
use warnings;
use HTTP::Cookies;
use JSON::PP;
use SOAP::Lite;
use Time::Piece;

my ($url, $user, $password) = @ARGV;
my $vim = SOAP::Lite->service("$url/sdk/vimService.wsdl");
my $known = do { no strict 'refs'; +{ map { $_ => 1 } @{ ref($vim) . '::EXPORT_OK' } } };
# Its stubs send the namespace of the outermost file of a WSDL, which is none of vSphere's messages:
# the methods are called by their names.
$vim->proxy("$url/sdk", cookie_jar => HTTP::Cookies->new(ignore_discard => 1));
$vim->default_ns('urn:vim25')->autotype(0)->on_action(sub { '"urn:vim25/6.7"' });
my %told;

# A reference to a managed object, as an argument of this name.
sub reference {
    my ($name, $type, $value) = @_;
    return SOAP::Data->name($name => $value)->attr({ type => $type });
}

sub text { return SOAP::Data->name($_[0] => $_[1]) }

sub members { my $name = shift; return SOAP::Data->name($name => \SOAP::Data->value(@_)) }

sub call {
    my ($method, @arguments) = @_;
    die "the WSDL has no $method" unless $known->{$method};
    return $vim->call($method, @arguments);
}

sub refused {
    my $answer = call(@_);
    return 'answered' unless $answer->fault;
    my ($type) = keys %{ $answer->faultdetail };
    return $type =~ s/Fault$//r;
}

sub this { return reference('_this', @_) }

# Properties of one object, by their names.
sub properties {
    my ($collector, $type, $value, @names) = @_;
    my $spec = members('specSet',
        members('propSet', text(type => $type), map { text(pathSet => $_) } @names),
        members('objectSet', reference('obj', $type, $value)));
    my $answer = call('RetrievePropertiesEx', this(PropertyCollector => $collector), $spec,
        SOAP::Data->name('options'));
    die $answer->faultstring if $answer->fault;
    return map { $_->{name} => $_->{val} } $answer->valueof('//objects/propSet');
}

my @instance = this('ServiceInstance', 'ServiceInstance');
my %is = %{ call('RetrieveServiceContent', @instance)->result };
$told{api} = $is{about}{apiType};
my @manager = this(SessionManager => $is{sessionManager});
$told{'wrong password'} =
    refused('Login', @manager, text(userName => $user), text(password => 'wrong'));
$told{user} = call('Login', @manager, text(userName => $user), text(password => $password))
    ->result->{userName};
my %session = properties($is{propertyCollector}, 'SessionManager', $is{sessionManager},
    'currentSession');
$told{'current session'} = $session{currentSession}{userName};
my %root = properties($is{propertyCollector}, 'Folder', $is{rootFolder}, 'name', 'childEntity');
$told{root} = $root{name};
$told{children} = scalar keys %{ $root{childEntity} };
my ($second) = call('CurrentTime', @instance)->result =~ /^([^.Z]+)/;
my $now = Time::Piece->strptime($second, '%Y-%m-%dT%H:%M:%S');
$told{time} = abs($now->epoch - time) < 60 ? JSON::PP::true : JSON::PP::false;
$told{logout} = refused('Logout', @manager);
$told{'time after logout'} = refused('CurrentTime', @instance);
print encode_json(\%told);

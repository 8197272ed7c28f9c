"""The key that access tokens of the appliance's form are signed with."""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.jwk import RSAKey

from sessiongate.config import Config
from sessiongate.errors import ConfigError
from sessiongate.files import read_or_make


def signing_key_of(config: Config) -> RSAKey:
    """The private key of access tokens: made once, readable for the server's account.

    Raises ConfigError for a file that holds none.
    """
    path = config.server.data_dir / "openid.key"
    found = read_or_make(
        path, lambda: RSAKey.generate_key(2048, private=True).as_pem(private=True), 0o600
    )
    try:
        # Whether its factors are prime takes a tenth of a second to find out, at every start. The
        # file is our own; one that was damaged signs what it does not verify.
        key = load_pem_private_key(found, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, RSAPrivateKey):
            raise UnsupportedAlgorithm("no RSA key")
        signed = key.sign(found[:1], PKCS1v15(), SHA256())
        key.public_key().verify(signed, found[:1], PKCS1v15(), SHA256())
    except (UnsupportedAlgorithm, InvalidSignature, ValueError):
        raise ConfigError(
            [
                f"{path}: is no private key in PEM; move it away, and the next start makes another."
                " Clients then have to ask for new access tokens"
            ]
        ) from None
    return RSAKey(key, key)

"""Keys: which may be certified, and the proof that whoever asks has them."""

import itertools
import math

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from kiban.identity.authority import keys
from kiban.identity.authority.contract import KeyRefused
from kiban.shared import encoding
from tests.authority.builders import new_rsa, request_for


def is_probably_prime(number: int) -> bool:
    return all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7))


def next_prime(number: int) -> int:
    number |= 1
    while not is_probably_prime(number):
        number += 2
    return number


def next_coprime(number: int) -> int:
    """The next number without a small factor: enough where nobody asks whether it is a prime."""
    small = math.prod(range(3, 10_000, 2))
    return next(each for each in itertools.count(number | 1, 2) if math.gcd(each, small) == 1)


def public_key(modulus: int) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(65537, modulus).public_key()


@pytest.fixture(scope="module")
def good():
    return new_rsa()


def test_a_good_key_passes_with_its_request(good):
    spki = keys.check_request(request_for(good), "rsa-2048")

    assert spki == keys.public_bytes(good.public_key())


def test_a_key_of_another_size_exponent_or_kind_is_refused():
    for key in (
        new_rsa(3072),
        new_rsa(exponent=3),
        ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ):
        with pytest.raises(KeyRefused):
            keys.check_key(key.public_key(), "rsa-2048")


def test_a_curve_other_than_p256_is_refused():
    for curve in (ec.SECP384R1(), ec.SECP256K1()):
        with pytest.raises(KeyRefused):
            keys.check_key(ec.generate_private_key(curve).public_key(), "p-256")


def test_a_modulus_with_a_small_factor_is_refused():
    modulus = next_coprime(1 << 2040) * 251

    with pytest.raises(KeyRefused, match="small factor"):
        keys.check_key(public_key(modulus), "rsa-2048")


def test_primes_that_lie_close_together_are_refused():
    first = next_coprime(math.isqrt(1 << 2047) + (1 << 1000))
    second = next_coprime(first + 2)

    with pytest.raises(KeyRefused, match="close"):
        keys.check_key(public_key(first * second), "rsa-2048")


def test_the_square_of_a_prime_is_refused():
    prime = next_prime(math.isqrt(1 << 2047) + 1)

    with pytest.raises(KeyRefused, match="close"):
        keys.check_key(public_key(prime * prime), "rsa-2048")


def test_a_modulus_of_the_generator_known_as_roca_is_refused():
    # Primes of that generator have the form k * M + (65537 ** a mod M), M the product of small primes.
    product = math.prod(
        prime for prime in range(2, 702) if all(prime % each for each in range(2, prime))
    )
    first, second = (
        next(
            candidate
            for k in range((1 << 1023) // product + start, 1 << 1024)
            if is_probably_prime(candidate := k * product + pow(65537, power, product))
        )
        for start, power in ((1 << 50, 1234), (1 << 52, 4321))
    )
    modulus = first * second
    assert modulus.bit_length() == 2048 or modulus.bit_length() == 2047

    assert keys._has_the_mark_of_roca(modulus)


def test_a_good_key_has_no_mark(good):
    assert not keys._has_the_mark_of_roca(good.public_key().public_numbers().n)


def test_a_request_signed_with_another_key_is_refused(good):
    der = bytearray(encoding.decode(request_for(good)))
    der[-1] ^= 1

    with pytest.raises(KeyRefused, match="not signed"):
        keys.check_request(encoding.encode(bytes(der)), "rsa-2048")


def test_a_request_that_names_another_key_is_refused(good):
    mine = x509.load_der_x509_csr(encoding.decode(request_for(good)))
    another = keys.public_bytes(new_rsa().public_key())
    der = mine.public_bytes(Encoding.DER).replace(keys.public_bytes(good.public_key()), another)

    with pytest.raises(KeyRefused, match="not signed"):
        keys.check_request(encoding.encode(der), "rsa-2048")


@pytest.mark.parametrize("sent", ["", "!", "AAAA", "MAA", encoding.encode(b"\x30\x03\x02\x01\x00")])
def test_what_is_no_request_is_refused(sent):
    with pytest.raises(KeyRefused):
        keys.check_request(sent, "rsa-2048")


@pytest.mark.parametrize(
    "point", [bytes(32), b"\1" + bytes(31), bytes.fromhex("ec" + "ff" * 30 + "7f")]
)
def test_a_sealing_key_of_small_order_is_refused(point):
    with pytest.raises(KeyRefused):
        keys.check_sealing_key(point.hex())


def test_a_key_is_named_by_its_own_digest(good):
    spki = keys.public_bytes(good.public_key())

    assert keys.digest(spki) == keys.digest(keys.public_bytes(keys.load_public(spki)))
    assert keys.load(keys.dump(good)).private_numbers() == good.private_numbers()

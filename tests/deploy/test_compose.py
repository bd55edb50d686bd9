"""docker-compose.yml: what topology says, and nothing that a container need not have."""

import re

import pytest
import yaml

from kiban.deploy import credentials, house, topology, transport
from kiban.deploy.commands import prepare
from kiban.deploy.premises import file_name, port_of
from kiban.world.cast import shipped_country
from tests.architecture.floors import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
DATABASE = COMPOSE["x-role"]["environment"]["KIBAN_DATABASE"]


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    prepared = house.settle(tmp_path_factory.mktemp("data"), shipped_country())
    prepare.make_secrets(prepared)
    return prepared


def test_every_role_has_a_container_and_no_other_is_there(settled):
    assert SERVICES.keys() == {"postgres", *map(file_name, settled.roles)}


def test_each_container_serves_its_role_at_the_port_of_its_origin(settled):
    for role in settled.roles:
        container = SERVICES[file_name(role)]

        assert container["command"][:2] == ["serve", role]
        assert container["ports"] == [f"127.0.0.1:{port_of(settled.premises.origin(role))}:8080"]


def test_roles_talk_with_each_other_by_mutual_tls(settled):
    for role in settled.roles:
        name, container = file_name(role), SERVICES[file_name(role)]

        assert {"--tls", "--edge", f"{name}-edge:8080"} <= set(container["command"])
        assert container["hostname"] == name
        assert container["networks"]["mesh"] == {"aliases": [f"{name}-mesh"]}
        assert container["networks"]["edge"] == {"aliases": [f"{name}-edge"]}
        assert f"{name}-mesh" in transport.hosts(name)
    assert COMPOSE["x-role"]["environment"]["KIBAN_ROUTES"] == "https://{role}-mesh:8000"
    assert COMPOSE["networks"]["mesh"] == {"internal": True}
    assert COMPOSE["networks"]["edge"]["driver_opts"] == {
        "com.docker.network.bridge.enable_icc": "false"
    }


def test_nobody_is_given_the_key_of_the_transport_authority():
    assert credentials.ROOT_KEY not in COMPOSE["secrets"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_has_more_than_it_needs(name):
    container = SERVICES[name]

    assert container["user"] not in {"root", "0", "0:0"}
    assert container["read_only"]
    assert container["cap_drop"] == ["ALL"]
    assert "cap_add" not in container
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["healthcheck"]["test"]
    assert container["mem_limit"]
    assert not any(
        "PASSWORD" in key and not key.endswith("_FILE") for key in container["environment"]
    )


def test_each_role_meets_the_database_in_a_network_of_its_own(settled):
    for role in settled.roles:
        name = file_name(role)
        here = {other for other in SERVICES if f"{name}-database" in SERVICES[other]["networks"]}

        assert here == {name, "postgres"}
        assert COMPOSE["networks"][f"{name}-database"] == {"internal": True}
    assert not {"mesh", "edge"} & set(SERVICES["postgres"]["networks"])


def test_a_role_may_enter_its_own_database_and_nobody_any_other():
    postgres = SERVICES["postgres"]
    file = ROOT / "deploy" / "pg_hba.conf"
    lines = [line.split() for line in file.read_text().splitlines() if not line.startswith("#")]

    assert "hba_file=/etc/kiban/pg_hba.conf" in postgres["command"]
    assert f"./{file.relative_to(ROOT)}:/etc/kiban/pg_hba.conf:ro" in postgres["volumes"]
    assert lines == [
        ["local", "all", "postgres", "peer"],
        ["host", "all", "postgres", "all", "reject"],
        ["host", "sameuser", "all", "all", "scram-sha-256"],
    ]


def test_every_secret_that_is_mounted_was_prepared(settled):
    made = {file.name for file in settled.premises.secrets.iterdir()}

    assert COMPOSE["secrets"].keys() <= made
    for name, place in COMPOSE["secrets"].items():
        assert place == {"file": f"${{KIBAN_PREMISES:-.kiban}}/secrets/{name}"}


def test_each_role_is_given_its_own_secrets_and_no_other_roles(settled):
    for role in settled.roles:
        name, given = file_name(role), set(SERVICES[file_name(role)]["secrets"])
        foreign = {
            f"{kind}-{file_name(other)}"
            for kind in ("role", "database", "transport")
            for other in settled.roles
            if other != role
        }

        assert {f"role-{name}", f"database-{name}", f"transport-{name}", "operator"} <= given
        assert not given & foreign
        assert ("enrolment" in given) == (role == "authority")
        assert ("vault" in given) == (role == f"gateway:{settled.country.resident_network}")


async def test_each_role_is_given_every_secret_that_it_asks_for(settled, tmp_path):
    for role in settled.roles:
        mounted = tmp_path / file_name(role)
        mounted.mkdir()
        for secret in SERVICES[file_name(role)]["secrets"]:
            (mounted / secret).symlink_to(settled.premises.secrets / secret)

        here = house.mounted(settled.premises.place, mounted, settled.folder)
        credentials.certify(here.premises, role)
        furnished = house.furnish(here, database=DATABASE, environment={})
        topology.build(furnished, role)

        await furnished.close()


def test_nobody_waits_for_somebody_who_starts_later(settled):
    order = ["postgres", *map(file_name, settled.roles)]
    for name, container in SERVICES.items():
        for earlier in container.get("depends_on", {}):
            assert order.index(earlier) < order.index(name), f"{name} waits for {earlier}"


def test_what_is_named_is_there():
    for name, container in SERVICES.items():
        assert set(container["networks"]) <= COMPOSE["networks"].keys(), name
        assert set(container["secrets"]) <= COMPOSE["secrets"].keys(), name
        assert {each["source"] for each in container.get("configs", [])} <= COMPOSE[
            "configs"
        ].keys()
    build = COMPOSE["x-role"]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()


def test_the_image_installs_what_the_lock_pins_and_runs_as_nobody_special():
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")

    assert "--require-hashes" in text
    assert "--no-build-isolation" in text
    assert re.search(r"^USER 10001", text, re.MULTILINE)

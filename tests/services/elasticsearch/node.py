"""A real Elasticsearch node for tests, from the official jars in the Maven registry; no container is needed.

The jars of a version are fetched once, into ``ES_CACHE`` (default ``~/.cache/entity-knowledge-corpus/elasticsearch``).
The server has no security module: https and passwords are tested through a proxy in front of it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.services.maven import UnavailableError, locked

HERE = Path(__file__).parent
HEAP = "512m"
SECONDS_TO_START = 120
LOGGING = """\
status = error
appender.errors.type = Console
appender.errors.name = errors
appender.errors.target = SYSTEM_ERR
appender.errors.layout.type = PatternLayout
appender.errors.layout.pattern = %d %p %c{1.} %m%n
rootLogger.level = warn
rootLogger.appenderRef.errors.ref = errors
"""


def jdk(oldest: int) -> Path:
    """Gives the home of the oldest installed JDK that is at least of version `oldest`.

    Raises:
        UnavailableError: there is none.
    """
    places = [os.environ.get("JAVA_HOME", "")]
    for pattern in ("usr/lib/jvm/*", "Library/Java/JavaVirtualMachines/*/Contents/Home", "opt/java/*"):
        places += sorted(map(str, Path("/").glob(pattern)))
    if found := shutil.which("javac"):
        places.append(str(Path(found).resolve().parent.parent))
    versions = {Path(place): _java_version(Path(place)) for place in places if place}
    fitting = sorted((version, home) for home, version in versions.items() if version >= oldest)
    if not fitting:
        raise UnavailableError(f"no JDK {oldest} or newer is installed")
    return fitting[0][1]


def _java_version(home: Path) -> int:
    """The major version of a JDK; 0 where there is none."""
    if not (home / "bin" / "javac").is_file():
        return 0
    with contextlib.suppress(OSError):
        if stated := re.search(r'JAVA_VERSION="(\d+)', (home / "release").read_text()):
            return int(stated[1])
    printed = subprocess.run(
        [home / "bin" / "javac", "-version"], capture_output=True, text=True, check=False
    )
    stated = re.search(r"javac (\d+)", printed.stdout + printed.stderr)
    return int(stated[1]) if stated else 0


def java_for(version: str) -> Path:
    """Gives the JDK for a server of this version: 8.x runs on Java 17, 9.x on 21."""
    return jdk(17 if version.startswith("8.") else 21)


def prepare_home(version: str) -> Path:
    """Gives a folder laid out as a distribution of `version`, made on first use.

    Raises:
        UnavailableError: no Java, Maven or zstd library, or the registry does not answer.
    """
    java = java_for(version)
    cache = Path(
        os.environ.get("ES_CACHE") or Path.home() / ".cache" / "entity-knowledge-corpus" / "elasticsearch"
    )
    home = cache / version
    with locked(cache / f"{version}.lock"):
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            _fetch_jars(version, home)
            (home / "complete").touch()
        _compile(java, home)
    return home


def _fetch_jars(version: str, home: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError("Maven (mvn) is not installed")
    zstd = next(iter(sorted(Path("/usr").glob("lib*/**/libzstd.so.1"))), None)
    if zstd is None:
        raise UnavailableError("the zstd library (libzstd.so.1) is not installed")
    http = home / "modules" / "transport-netty4"
    for folder in (home / "config", home / "lib" / "platform" / "linux-x64", home / "plugins", http):
        folder.mkdir(parents=True)
    command = [
        maven,
        "--quiet",
        "--batch-mode",
        f"--file={HERE / 'pom.xml'}",
        "dependency:copy-dependencies",
        f"-Delasticsearch.version={version}",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={home / 'lib'}",
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(
            f"the jars of Elasticsearch {version} could not be fetched: {error}"
        ) from error
    for jar in [*(home / "lib").glob("netty-*.jar"), *(home / "lib").glob("transport-netty4-*.jar")]:
        jar.rename(http / jar.name)
    with zipfile.ZipFile(http / f"transport-netty4-{version}.jar") as jar:
        for name in jar.namelist():
            if name.startswith("META-INF/es-plugins/transport-netty4/") and not name.endswith("/"):
                (http / Path(name).name).write_bytes(jar.read(name))
    shutil.copy(zstd, home / "lib" / "platform" / "linux-x64" / "libzstd.so")
    (home / "config" / "log4j2.properties").write_text(LOGGING)


def _compile(java: Path, home: Path) -> None:
    source, target = HERE / "LocalNode.java", home / "classes" / "LocalNode.class"
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return
    command = [java / "bin" / "javac", "-nowarn", "-proc:none", "-cp", f"{home / 'lib'}/*"]
    subprocess.run([*command, "-d", target.parent, source], check=True, capture_output=True)


def free_port() -> int:
    """Gives a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Node:
    """One node, a process of its own on a port of its own; its data outlive it."""

    version: str
    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    transport_port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Node:
        """Starts the node, or starts it again, and waits until it answers.

        Raises:
            UnavailableError: it cannot run on this machine.
            AssertionError: it does not come up.
        """
        home = prepare_home(self.version)
        self.data.mkdir(parents=True, exist_ok=True)
        log = self.data.parent / f"{self.data.name}.log"
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                self._command(home), stdout=subprocess.PIPE, stderr=errors, text=True, cwd=self.data
            )
        alarm = threading.Timer(SECONDS_TO_START, self.process.kill)
        alarm.start()
        try:
            assert self.process.stdout is not None
            while line := self.process.stdout.readline():
                if line.startswith("READY"):
                    return self
        finally:
            alarm.cancel()
        raise AssertionError(f"Elasticsearch {self.version} did not start:\n{log.read_text()[-4000:]}")

    def _command(self, home: Path) -> list[str]:
        java = java_for(self.version)
        flags = [f"-Xms{HEAP}", f"-Xmx{HEAP}", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8"]
        # The vector library comes with distributions only; the rest keeps Netty and log4j quiet.
        flags += [
            "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",
            "-Dio.netty.noUnsafe=true",
            "-Dio.netty.noKeySetOptimization=true",
            "-Dio.netty.recycler.maxCapacityPerThread=0",
            "-Dlog4j.shutdownHookEnabled=false",
            "-Dlog4j2.disable.jmx=true",
            f"-Des.path.home={home}",
            "-Des.distribution.type=tar",
        ]
        if _java_version(java) >= 21:
            native = "org.elasticsearch.nativeaccess,org.apache.lucene.core"
            if list((home / "lib").glob("elasticsearch-foreign-library-*.jar")):
                native += ",org.elasticsearch.foreign"
            flags += [f"--enable-native-access={native}", "--add-modules=jdk.incubator.vector"]
        settings = {
            "path.data": str(self.data),
            "path.logs": str(self.data / "logs"),
            "network.host": "127.0.0.1",
            "http.port": str(self.port),
            "transport.port": str(self.transport_port),
            "discovery.type": "single-node",
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            **self.settings,
        }
        return [
            str(java / "bin" / "java"),
            *flags,
            f"--module-path={home / 'lib'}",
            "--add-modules=ALL-MODULE-PATH",
            "-cp",
            str(home / "classes"),
            "LocalNode",
            str(home),
            *(f"{name}={value}" for name, value in settings.items()),
        ]

    def kill(self) -> None:
        """Ends it as a power cut would."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None

    def is_up(self) -> bool:
        """Tells whether it answers."""
        try:
            with urllib.request.urlopen(self.url, timeout=2):
                return True
        except OSError:
            return False

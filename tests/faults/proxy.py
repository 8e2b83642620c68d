"""A wire with faults: an RTSP proxy (RTP interleaved over TCP) that a test disturbs under way.

Runs in a thread with its own event loop. Seeded: the same packets are hit in every run, as far as
the camera sends the same ones.
"""

import asyncio
import random
import struct
import threading

NTP_OF_1970_S = 2_208_988_800


class Faults:
    """What happens on the wire; every attribute may be set at any time."""

    def __init__(self):
        self.drop = 0.0
        """Share of RTP packets that are lost."""
        self.corrupt_packets = 0.0
        """Share of RTP packets of which one byte is altered."""
        self.corrupt_bytes = 0.0
        """Share of the payload's bytes that are altered."""
        self.jump = 0
        """Added to the RTP time stamps, in ticks of 1/90000 s."""
        self.pace = 1.0
        """How much faster than time the RTP time stamps run from the connection's start on."""
        self.clock_ahead_s = 0.0
        """Added to the camera's wall clock in its sender reports."""
        self.clock_at_s = None
        """If set, the sender reports tell this moment (Unix time) for ever."""
        self.path = b""
        """What stands in place of `/cam` in the requests, where anything does."""
        self.stalls = []
        """(at_s, lasting_s): where the time stamps come to at_s, nothing passes for so long."""


class Proxy:
    """Stands before a camera; `port` is what a watch connects to."""

    def __init__(self, camera_port, seed=1):
        self.faults = Faults()
        self.connections = 0
        self.packets = 0
        self._camera_port = int(camera_port)
        self._rng = random.Random(seed)
        self._writers = set()
        self._thawed = None
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="proxy")
        self._thread.start()
        assert started.wait(10.0)

    def url(self, mount="/cam"):
        return f"rtsp://127.0.0.1:{self.port}{mount}"

    def freeze(self):
        """Nothing passes any more; it is kept, as by a network that stalls."""
        self._call(self._thawed.clear)

    def thaw(self):
        """All that was kept passes at once."""
        self._call(self._thawed.set)

    def reset(self):
        """Break every connection."""
        self._call(lambda: [writer.transport.abort() for writer in list(self._writers)])

    def lead_to(self, camera_port):
        """From now on connections lead to another camera."""
        self._camera_port = int(camera_port)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)

    # ----------------------------------------------------------------------------------------

    def _call(self, act):
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (act(), done.set()))
        assert done.wait(10.0)

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        self._thawed = asyncio.Event()
        self._thawed.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for writer in list(self._writers):
            writer.transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._camera_port)
        except OSError:
            writer.transport.abort()
            return
        mine = {writer, up_writer}
        self._writers |= mine
        pumps = [
            asyncio.ensure_future(self._to_camera(reader, up_writer)),
            asyncio.ensure_future(self._from_camera(up_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for each in mine:
                each.transport.abort()
            self._writers -= mine

    async def _to_camera(self, reader, writer):
        while data := await reader.read(65536):
            if self.faults.path:
                data = data.replace(b"/cam", self.faults.path)
            writer.write(data.replace(b":%d" % self.port, b":%d" % self._camera_port))
            await writer.drain()

    async def _from_camera(self, reader, writer):
        first_stamp = None
        while True:
            begin = await reader.readexactly(1)
            if begin != b"$":
                writer.write(await self._answer(begin, reader))
                continue
            head = await reader.readexactly(3)
            packet = bytearray(await reader.readexactly(struct.unpack(">H", head[1:])[0]))
            await self._thawed.wait()
            if head[0] % 2 == 0:
                if first_stamp is None:
                    first_stamp = struct.unpack_from(">I", packet, 4)[0]
                await self._stall(packet, first_stamp)
                if not self._disturb_rtp(packet, first_stamp):
                    continue
            elif packet[1] == 200:
                self._disturb_report(packet, first_stamp)
            writer.write(begin + head + packet)
            await writer.drain()

    async def _stall(self, packet, first_stamp):
        passed_s = (struct.unpack_from(">I", packet, 4)[0] - first_stamp) / 90_000
        for stall in list(self.faults.stalls):
            if passed_s >= stall[0]:
                self.faults.stalls.remove(stall)
                await asyncio.sleep(stall[1])

    async def _answer(self, begin, reader):
        head = begin + await reader.readuntil(b"\r\n\r\n")
        body = b""
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                body = await reader.readexactly(int(line.split(b":")[1]))
        return (head + body).replace(b":%d" % self._camera_port, b":%d" % self.port)

    def _disturb_rtp(self, packet, first_stamp):
        """Alter a packet; whether it passes at all."""
        faults = self.faults
        self.packets += 1
        if self._rng.random() < faults.drop:
            return False
        payload = range(16, len(packet))
        if payload and self._rng.random() < faults.corrupt_packets:
            packet[self._rng.choice(payload)] ^= 0xFF
        if faults.corrupt_bytes:
            for at in payload:
                if self._rng.random() < faults.corrupt_bytes:
                    packet[at] ^= self._rng.randrange(1, 256)
        struct.pack_into(">I", packet, 4, self._stamp(packet, 4, first_stamp))
        return True

    def _disturb_report(self, packet, first_stamp):
        faults = self.faults
        seconds = struct.unpack_from(">I", packet, 8)[0] + int(faults.clock_ahead_s)
        if faults.clock_at_s is not None:
            seconds = int(faults.clock_at_s) + NTP_OF_1970_S
        struct.pack_into(">I", packet, 8, seconds & 0xFFFFFFFF)
        if first_stamp is not None:
            struct.pack_into(">I", packet, 16, self._stamp(packet, 16, first_stamp))

    def _stamp(self, packet, at, first_stamp):
        passed = (struct.unpack_from(">I", packet, at)[0] - first_stamp) & 0xFFFFFFFF
        if passed > 1 << 31:
            passed -= 1 << 32
        faults = self.faults
        return (first_stamp + round(passed * faults.pace) + faults.jump) & 0xFFFFFFFF

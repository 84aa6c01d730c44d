import CSystem
import Glibc
import Kernel
import Testing

@testable import Scheduler

@Suite("Leases that others left behind")
struct TakeoverTests {
    @Test("a lease is freed only when nobody can be working under it, over every combination")
    func exhaustive() {
        for scheduler in Takeover.Presence.allCases {
            for expired in [false, true] {
                for worker in Takeover.Presence.allCases.map(Optional.some) + [nil] {
                    let step = Takeover.step(worker: worker, scheduler: scheduler, expired: expired)
                    // A worker that may live under it.
                    if worker == .alive || worker == .unknowable { #expect(step != .free) }
                    // A worker that its scheduler may still hand its assignment.
                    if worker == nil, scheduler != .gone { #expect(step == .leave) }
                    if step == .kill { #expect(worker == .alive && expired) }
                    // What a living scheduler has in order is left to it.
                    if scheduler == .alive, !expired { #expect(step == .leave) }
                }
            }
        }
        #expect(Takeover.step(worker: .gone, scheduler: .gone, expired: false) == .free)
        #expect(Takeover.step(worker: nil, scheduler: .gone, expired: false) == .free)
        #expect(Takeover.step(worker: .alive, scheduler: .alive, expired: true) == .kill)
        #expect(Takeover.step(worker: .gone, scheduler: .alive, expired: true) == .free)
    }

    @Test("a holder's name tells machine, boot, process table and process")
    func names() throws {
        let host = Takeover.hostName()
        #expect(host.contains("pid:["))
        #expect(host.hasSuffix("/"))
        let holder = Takeover.holder(on: host, pid: 4711, random: SeededRandom(seed: 1))
        #expect(holder.hasPrefix(host))
        #expect(Takeover.schedulerPID(holder, on: host) == 4711)
        #expect(Takeover.schedulerPID(host + "0f0f-uuid", on: host) == nil)
        #expect(Takeover.schedulerPID("elsewhere/" + holder, on: host) == nil)
    }

    @Test("a process is alive, then gone, also while nobody has reaped it; a stopped one is alive and can be killed")
    func presence() async throws {
        let spawner = try Spawner(), watcher = try Watcher()
        let child = try await spawner.start("/bin/sh", ["-c", "read line <&3"], environment: [], user: nil, deathSignal: SIGKILL)
        let isOurs: ([String]) -> Bool = { $0.first == "/bin/sh" }
        #expect(ForeignProcess.presence(of: child.pid, isOurs) == .alive)
        #expect(ForeignProcess.presence(of: child.pid) { _ in false } == .gone, "another program has the number")
        #expect(cf_pidfd_signal(child.pidfd, SIGSTOP) == 0)
        #expect(ForeignProcess.presence(of: child.pid, isOurs) == .alive)
        ForeignProcess.kill(child.pid) { _ in false }
        #expect(ForeignProcess.presence(of: child.pid, isOurs) == .alive, "what is not ours is not killed")
        ForeignProcess.kill(child.pid, isOurs)
        await ended(child, watcher)
        // Not reaped yet: a zombie.
        #expect(ForeignProcess.presence(of: child.pid, isOurs) == .gone)
        var status: Int32 = 0
        #expect(cf_reap(child.pid, &status) == child.pid)
        #expect(cf_term_signal(status) == SIGKILL)
        #expect(ForeignProcess.presence(of: child.pid, isOurs) == .gone)
        watcher.close([child.pidfd, child.control])
    }

    @Test("numbers that are no process's are gone", arguments: [Int32.max, 0, -1])
    func nobody(pid: Int32) { #expect(ForeignProcess.presence(of: pid) { _ in true } == .gone) }
}

/// Returns when the child has ended; it stays to be reaped.
func ended(_ child: Child, _ watcher: Watcher) async {
    await withCheckedContinuation { continuation in
        watcher.watch(child.pidfd) {
            continuation.resume()
            return false
        }
    }
}

@Suite("Children")
struct SpawnerTests {
    private func run(_ script: String, environment: [String] = []) async throws -> (status: Int32, said: String) {
        let spawner = try Spawner(), watcher = try Watcher()
        let child = try await spawner.start("/bin/sh", ["-c", script], environment: environment, user: nil, deathSignal: SIGKILL)
        await ended(child, watcher)
        var status: Int32 = 0
        #expect(cf_reap(child.pid, &status) == child.pid)
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let n = recv(child.control, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        watcher.close([child.pidfd, child.control])
        return (status, String(decoding: bytes.prefix(max(0, n)), as: UTF8.self))
    }

    @Test("what a child said before it died is still there after its death")
    func lastWords() async throws {
        let ended = try await run(#"printf '{"beat":true}\n' >&3; kill -SEGV $$"#)
        #expect(cf_term_signal(ended.status) == SIGSEGV)
        #expect(ended.said == "{\"beat\":true}\n")
    }

    @Test("a child has the environment it was given and no descriptor but four")
    func scrubbed() async throws {
        let ended = try await run("exec >&3; env; exec ls -l /proc/self/fd", environment: ["ONLY=this", "PATH=/usr/bin:/bin"])
        #expect(ended.said.contains("ONLY=this"))
        #expect(!ended.said.contains("HOME="))
        #expect(!ended.said.contains("USER="))
        let open = ended.said.split(separator: "\n").filter { $0.contains(" -> ") }
        #expect(open.count >= 4)
        // The fourth is the folder that is being listed.
        #expect(open.allSatisfy { line in [" 0 ->", " 1 ->", " 2 ->", " 3 ->", " -> /proc/"].contains { line.contains($0) } }, "\(open)")
    }

    @Test("a program that is not there is a fault, not a child")
    func missing() async throws {
        let spawner = try Spawner()
        do throws(Fault) {
            _ = try await spawner.start("/nowhere/at/all", [], environment: [], user: nil, deathSignal: SIGKILL)
            #expect(Bool(false), "it started")
        } catch { #expect(error.code == "spawn_failed") }
    }
}

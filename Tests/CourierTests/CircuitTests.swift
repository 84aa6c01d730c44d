@testable import Courier
import Kernel
import Testing

/// Chance that always says the least, or the most.
private struct Extreme: RandomSource {
    var byte: UInt8
    func bytes(_ count: Int) -> [UInt8] { Array(repeating: byte, count: count) }
}

private let noChance = Extreme(byte: 0)

@Suite("Circuit")
struct CircuitTests {
    private func open() -> Circuit {
        var circuit = Circuit()
        for _ in 0 ..< Circuit.faultsToOpen { _ = circuit.failed(.normal, random: noChance) }
        return circuit
    }

    @Test("five faults in a row open the circuit, four do not")
    func opens() {
        var circuit = Circuit()
        for _ in 1 ..< Circuit.faultsToOpen {
            #expect(circuit.ask() == .normal)
            #expect(circuit.failed(.normal, random: noChance) == nil)
        }
        #expect(!circuit.isOpen)
        #expect(circuit.failed(.normal, random: noChance) == Circuit.pauseFirst)
        #expect(circuit.isOpen)
    }

    @Test("any answer starts the count anew")
    func answered() {
        var circuit = Circuit()
        for _ in 1 ..< Circuit.faultsToOpen { _ = circuit.failed(.normal, random: noChance) }
        circuit.answered(.normal)
        #expect(circuit == Circuit())
    }

    @Test("a fault that does not count changes nothing")
    func uncounted() {
        var circuit = Circuit()
        for _ in 0 ..< 100 { #expect(circuit.failed(.normal, counts: false, random: noChance) == nil) }
        #expect(circuit == Circuit())
    }

    @Test("while it is open one call probes and the others wait; its answer closes the circuit")
    func probe() {
        var circuit = open()
        #expect(circuit.ask() == .probe)
        #expect(circuit.ask() == nil)
        circuit.answered(.probe)
        #expect(circuit == Circuit())
        #expect(circuit.ask() == .normal)
    }

    @Test("each probe that fails makes a longer pause, up to five minutes, and another probe may follow")
    func grows() throws {
        var circuit = open()
        var pauses: [Duration] = []
        for _ in 0 ..< 12 {
            #expect(circuit.ask() == .probe)
            let pause = circuit.failed(.probe, random: noChance)
            pauses.append(try #require(pause))
        }
        #expect(pauses.prefix(6) == [.seconds(10), .seconds(20), .seconds(40), .seconds(80), .seconds(160), .seconds(300)])
        #expect(pauses.dropFirst(5).allSatisfy { $0 == Circuit.pauseMost })
    }

    @Test("what was sent before the pause neither closes the circuit nor lengthens the pause")
    func late() {
        var circuit = open()
        let before = circuit
        circuit.answered(.normal)
        #expect(circuit.failed(.normal, random: noChance) == nil)
        #expect(circuit == before)
    }

    @Test("a probe that was stopped by something else lets the next one probe")
    func released() {
        var circuit = open()
        #expect(circuit.ask() == .probe)
        circuit.released(.probe)
        #expect(circuit.ask() == .probe)
    }

    @Test("cancellation and a busy client say nothing about the platform, nor does a refused host")
    func blames() {
        func fault(_ code: String, _ disposition: Fault.Disposition) -> Fault { Fault(code, stage: .http, disposition: disposition, summary: "x") }
        #expect(Circuit.blames(fault("connect_failed", .retry)))
        #expect(Circuit.blames(fault("http_timed_out", .retry)))
        #expect(!Circuit.blames(fault("cancelled", .retry)))
        #expect(!Circuit.blames(fault("http_client_busy", .retry)))
        #expect(!Circuit.blames(fault("egress_refused", .hold)))
        #expect(!Circuit.blames(fault("request_malformed", .bug)))
    }

    /// Everything that can happen next, with up to three calls under way.
    private struct World {
        var circuit = Circuit()
        var underWay: [Circuit.Passage] = []
        /// Normal faults in a row that counted, since the last answer.
        var row = 0

        var key: String { "\(circuit.faults) \(circuit.trips) \(circuit.probing) \(underWay) \(row)" }
    }

    @Test("in every order of calls, answers and faults: opens only after five in a row, one probe at most, pauses within bounds, never stuck")
    func everyOrder() {
        var seen: Set<String> = []
        var front = [World()]
        var steps = 0
        while !front.isEmpty, steps < 60 {
            steps += 1
            var next: [World] = []
            for world in front { next += successors(of: world).filter { seen.insert($0.key).inserted } }
            front = next
        }
        #expect(seen.count > 150)
    }

    private func successors(of world: World) -> [World] {
        var out: [World] = []
        var asked = world
        if world.underWay.count < 3 {
            let passage = asked.circuit.ask()
            if let passage {
                asked.underWay.append(passage)
                out.append(asked)
            }
            // Never stuck: who is refused is refused because of a probe under way.
            #expect(passage != nil || world.underWay.contains(.probe))
            #expect(passage != .probe || !world.underWay.contains(.probe))
            #expect((passage == .normal) == !world.circuit.isOpen || passage == nil)
        }
        for (i, passage) in world.underWay.enumerated() {
            var base = world
            base.underWay.remove(at: i)
            out += [answer(base, passage), fail(base, passage, byte: 0), fail(base, passage, byte: 0xfe)]
            var released = base
            released.circuit.released(passage)
            #expect(released.circuit.trips == world.circuit.trips)
            out.append(released)
        }
        return out
    }

    private func answer(_ world: World, _ passage: Circuit.Passage) -> World {
        var out = world
        out.circuit.answered(passage)
        if passage == .probe { #expect(!out.circuit.isOpen) }
        if passage == .normal, world.circuit.isOpen { #expect(out.circuit == world.circuit) }
        if !out.circuit.isOpen { out.row = 0 }
        return out
    }

    private func fail(_ world: World, _ passage: Circuit.Passage, byte: UInt8) -> World {
        var out = world
        let pause = out.circuit.failed(passage, random: Extreme(byte: byte))
        if !world.circuit.isOpen { out.row += 1 }
        #expect(out.circuit.isOpen || out.row < Circuit.faultsToOpen)
        if !world.circuit.isOpen { #expect(out.circuit.isOpen == (out.row == Circuit.faultsToOpen)) }
        if out.circuit.isOpen { out.row = 0 }
        // A pause is made exactly when the circuit opens or a probe fails.
        #expect((pause != nil) == (out.circuit.trips > world.circuit.trips))
        if let pause {
            #expect(pause >= Circuit.pauseFirst)
            #expect(pause <= Circuit.pauseMost * 5 / 4)
        }
        return out
    }
}

@Suite("Back-off")
struct BackoffTests {
    private func fault(_ disposition: Fault.Disposition, _ after: Duration? = nil) -> Fault {
        Fault("x", stage: .http, disposition: disposition, summary: "x", retryAfter: after)
    }

    @Test("only what may pass by itself is tried again inside a call, three times more at most")
    func dispositions() {
        for tries in 1 ... 10 {
            for disposition in Fault.Disposition.allCases {
                let wait = Backoff.inside(tries: tries, after: fault(disposition, .seconds(1)), random: noChance)
                #expect((wait != nil) == (tries < Backoff.triesMost && (disposition == .retry || disposition == .wait)))
            }
        }
    }

    @Test("waits grow, chance adds up to a quarter and takes nothing away")
    func jitter() throws {
        for tries in 1 ..< Backoff.triesMost {
            let base = Duration.milliseconds(300 << (tries - 1))
            #expect(Backoff.inside(tries: tries, after: fault(.retry), random: noChance) == base)
            for seed in 0 ..< 200 as Range<UInt64> {
                let wait = try #require(Backoff.inside(tries: tries, after: fault(.retry), random: SeededRandom(seed: seed)))
                #expect(wait >= base)
                #expect(wait <= base * 5 / 4)
            }
        }
    }

    @Test("what the platform asks for is kept to, and longer than two seconds goes back to the queue")
    func asked() {
        #expect(Backoff.inside(tries: 1, after: fault(.wait, .milliseconds(700)), random: noChance) == .milliseconds(700))
        #expect(Backoff.inside(tries: 1, after: fault(.wait, .seconds(2)), random: noChance) == .seconds(2))
        #expect(Backoff.inside(tries: 1, after: fault(.wait, .milliseconds(2001)), random: noChance) == nil)
        #expect(Backoff.inside(tries: 1, after: fault(.wait), random: noChance) == nil)
        #expect(Backoff.inside(tries: 1, after: fault(.retry, .seconds(1)), random: noChance) == .seconds(1))
        #expect(Backoff.inside(tries: 1, after: fault(.retry, .seconds(3)), random: noChance) == nil)
    }

    @Test(
        "a throttle's time is bounded whatever the platform says",
        arguments: [nil, 0, -1, -1_000_000, 1, 45, 299, 300, 301, 3600, 86_400, 86_401, 1_000_000_000, Int64.max] as [Int64?])
    func throttle(seconds: Int64?) {
        let asked = seconds.map { Duration.seconds($0) }
        for window in [0, 1, 60, 300, 3600, 86_400, 10_000_000] as [Int64] {
            for streak in [0, 1, 5, 10, 1000] {
                let pause = Backoff.throttle(asked: asked, window: .seconds(window), streak: streak)
                #expect(pause >= Backoff.throttleLeast)
                #expect(pause <= Backoff.askedMost)
                #expect(pause <= max(.seconds(window), Backoff.askedTrusted))
                // What can be meant is kept to.
                if let asked, asked > Backoff.throttleMost, asked <= max(.seconds(window), Backoff.askedTrusted), asked <= Backoff.askedMost {
                    #expect(pause == asked)
                }
                #expect(Backoff.throttle(asked: asked, window: .seconds(window), streak: streak + 1) >= pause)
            }
        }
    }

    @Test("a platform that says `0` again and again is asked ever less often")
    func zero() {
        let pauses = (0 ..< 12).map { Backoff.throttle(asked: .zero, window: .seconds(60), streak: $0) }
        #expect(pauses.first == .milliseconds(50))
        #expect(zip(pauses, pauses.dropFirst()).prefix(10).allSatisfy { $0 * 2 == $1 })
        #expect(pauses.last == Backoff.throttleMost)
    }

    @Test("a fault leaves Courier with a waiting time that can be meant")
    func bounded() {
        #expect(Backoff.bounded(fault(.wait, .seconds(-5))).retryAfter == .zero)
        #expect(Backoff.bounded(fault(.wait, .seconds(Int64.max))).retryAfter == Backoff.askedMost)
        #expect(Backoff.bounded(fault(.wait, .seconds(7))).retryAfter == .seconds(7))
        #expect(Backoff.bounded(fault(.retry)).retryAfter == nil)
    }

    @Test("doubling ends at its bound and does not overflow")
    func doubled() {
        #expect(Backoff.doubled(.seconds(1), times: 0, most: .seconds(60)) == .seconds(1))
        #expect(Backoff.doubled(.seconds(1), times: 3, most: .seconds(60)) == .seconds(8))
        #expect(Backoff.doubled(.seconds(1), times: Int.max, most: .seconds(60)) == .seconds(60))
        #expect(Backoff.doubled(.seconds(1), times: -1, most: .seconds(60)) == .seconds(1))
    }
}

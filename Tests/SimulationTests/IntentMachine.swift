import Books
import ConnectorKit
import Kernel
@testable import Pipeline
@testable import Store

/// One posting, its ledger, and the workers that come one after the other, each under a later lease; old ones may linger.
struct IntentMachine {
    enum Phase: Equatable {
        case idle
        /// The intent is committed; written at this time.
        case intended(attempt: String, at: Int)
        /// The request is under way, or it has been and the answer was lost.
        case waiting(attempt: String)
        case answered(attempt: String)
        /// What was unsettled when it looked, and whether the search showed a document.
        case found(attempt: String, age: Int, seen: Bool, duplicate: Bool)
        case dead
    }

    struct Request: Equatable {
        var attempt: String
        var worker: Int
    }

    static let key = PostKey(String(repeating: "0", count: 16))
    static let attemptsMost = 3
    static let workersMost = 3

    var tables: Tables
    var workers: [Phase] = [.idle]
    var underWay: [Request] = []
    var answers: Set<String> = []
    var live = 0
    var now = 0

    init() {
        tables = Simulation.emptyTables()
        if let key = IntentMachine.key { _ = tables.clear(World.row(key, amount: 1), 0) }
        _ = tables.acquire("host-0/", seconds: 1_000_000, 0)
    }

    /// Longer than an intent's last start, its request and the search's lag together: `Recover` then believes.
    private static let tick = 31_000

    static func explorer(unique: Bool) -> Explorer<IntentMachine> {
        Explorer(
            name: { m in
                let network = "\(m.underWay.map(\.attempt)) \(m.answers.sorted()) \(m.live)"
                return "\(m.row.state) \(m.tables.intents.map(\.state)) \(m.workers) \(network) \(m.now / tick)"
            },
            moves: { $0.moves(unique) },
            broken: { m in
                if m.live > 1 { return "\(m.live) live documents" }
                if m.underWay.count > 1 { return "two requests are under way" }
                if m.row.state == "posted", m.live == 0 { return "posted here, not there" }
                return m.tables.intents.filter { $0.state == "open" || $0.state == "unknown" }.count > 1 ? "two unsettled intents" : nil
            },
            // With its attempts used up a run need not end well; it must not end wrong.
            isGoal: { $0.row.state == "posted" || $0.tables.intents.count >= attemptsMost || $0.workers.count >= workersMost || $0.now >= 3 * tick })
    }

    var row: PostingRow { tables.postings.values.first?.row ?? World.row(tables.postings.keys.sorted()[0], amount: 0) }

    private func with(_ what: String, _ change: (inout IntentMachine) -> Void) -> (what: String, state: IntentMachine) {
        var next = self
        change(&next)
        return (what, next)
    }

    func moves(_ unique: Bool) -> [(what: String, state: IntentMachine)] {
        var out: [(what: String, state: IntentMachine)] = []
        for w in workers.indices { out += moves(of: w) }
        for (i, request) in underWay.enumerated() {
            out.append(with("arrives") { m in
                m.underWay.remove(at: i)
                if !unique || m.live == 0 { m.live += 1 }
                m.answers.insert(request.attempt)
            })
            out.append(with("is lost") { $0.underWay.remove(at: i) })
        }
        // A worker that dies, or stands still, is followed by another; its requests may still be under way.
        if workers.count < IntentMachine.workersMost {
            for dies in [true, false] {
                out.append(with(dies ? "dies" : "is overtaken") { m in
                    if dies { m.workers[m.workers.count - 1] = .dead }
                    _ = m.tables.release(m.tables.lease?.epoch ?? 0, "host-0/")
                    _ = m.tables.acquire("host-0/", seconds: 1_000_000, m.now)
                    m.workers.append(.idle)
                    _ = m.tables.orphan(Int64(m.workers.count), m.now)
                })
            }
        }
        // No request lasts as long as a tick.
        if underWay.isEmpty, now < 3 * IntentMachine.tick { out.append(with("time passes") { $0.now += IntentMachine.tick }) }
        return out
    }

    private func moves(of w: Int) -> [(what: String, state: IntentMachine)] {
        let epoch = Int64(w + 1)
        switch workers[w] {
        case .dead: return []
        case .idle: return idle(w, epoch)
        case .intended(let attempt, let at):
            // `startBy`: an old intent is not sent any more.
            if now > at + Int(Post.sendWithin.wholeMilliseconds) { return [settle(w, attempt, .notSent, "too late to send")] }
            return [with("\(w) sends") { m in
                m.underWay.append(Request(attempt: attempt, worker: w))
                m.workers[w] = .waiting(attempt: attempt)
            }]
        case .waiting(let attempt):
            var out = [settle(w, attempt, .unknown, "hears nothing")]
            if answers.contains(attempt) { out.append(with("\(w) hears") { $0.workers[w] = .answered(attempt: attempt) }) }
            return out
        case .answered(let attempt): return [settle(w, attempt, .posted, "says posted")]
        case .found(let attempt, let age, let seen, _): return [found(w, attempt, age, seen)]
        }
    }

    private func idle(_ w: Int, _ epoch: Int64) -> [(what: String, state: IntentMachine)] {
        var out: [(what: String, state: IntentMachine)] = []
        // A worker that comes to post anew turns what it left open into unknown.
        if tables.intents.contains(where: { $0.state == "open" && $0.epoch <= epoch }) {
            out.append(with("\(w) orphans") { m in _ = m.tables.orphan(epoch + 1, m.now) })
        } else if let unsettled = tables.unsettled(now, limit: 1).first {
            out.append(with("\(w) looks") { m in
                m.workers[w] = .found(attempt: unsettled.attempt, age: Int(unsettled.age.wholeMilliseconds), seen: m.live > 0, duplicate: false)
            })
        } else if let due = tables.due(now, limit: 1).first, tables.intents.count < IntentMachine.attemptsMost {
            let attempt = "\(tables.intents.count)"
            let intent = NewIntent(key: due.key, revision: 1, action: .create, attempt: attempt, requestDigest: [])
            out.append(with("\(w) intends") { m in
                do throws(Fault) {
                    try m.tables.write([intent], epoch: epoch, m.now)
                    m.workers[w] = .intended(attempt: attempt, at: m.now)
                } catch { m.workers[w] = .dead }
            })
        }
        return out
    }

    private func settle(_ w: Int, _ attempt: String, _ outcome: Settlement.Outcome, _ why: String) -> (what: String, state: IntentMachine) {
        with("\(w) \(why)") { m in
            let remote = outcome == .posted ? "1" : nil
            m.tables.settle([Settlement(key: m.row.key, attempt: attempt, outcome: outcome, remoteID: remote, evidence: [123, 125])], m.now)
            m.workers[w] = .idle
        }
    }

    /// The production code decides what the search means.
    private func found(_ w: Int, _ attempt: String, _ age: Int, _ seen: Bool) -> (what: String, state: IntentMachine) {
        with("\(w) \(seen ? "found it" : "found nothing")") { m in
            m.workers[w] = .idle
            #if SABOTAGE
            if Sabotage.skipFind.isOn {
                m.tables.settle([Settlement(key: m.row.key, attempt: attempt, outcome: .notSent)], m.now)
                return
            }
            #endif
            let connector = SimConnector(RemoteLedger.Nature())
            let unsettled = UnsettledRow(posting: m.row, intent: 1, action: .create, attempt: attempt, age: .milliseconds(age), evidence: nil)
            guard let document = SimConnector.bind([m.row]).documents.first else { return }
            var readback = connector.meant(document)
            readback.remoteID = "1"
            var settlement = Recover.settle(unsettled, document, seen ? readback : nil, connector: connector, settles: .zero)
            settlement.again = .zero
            m.tables.settle([settlement], m.now)
        }
    }
}

import Kernel
import Wire

/// A ledger on the other side of the network, small enough to be judged at a glance.
struct RemoteLedger: Sendable {
    /// How this ledger behaves; drawn once a run.
    struct Nature: Sendable {
        /// Documents per create call.
        var batch = 1
        /// It refuses a second document with a number it has.
        var uniqueNumbers = false
        /// It remembers a call's idempotency key.
        var nativeKeys = false
        var searchable = true
        /// A search may lag this far behind, milliseconds.
        var settles = 0
        /// It refuses a whole batch for one bad document.
        var refusesBatches = false
        /// Numbers that it refuses for good.
        var poison: Set<String> = []
        var oauth = false
        /// Calls per minute and per second.
        var perMinute = 60
        var perSecond = 10
        /// It tells what is left of the minute.
        var tells = false
    }

    struct Entry: Sendable {
        var key: String
        var id: Int
        var amount: Int
        var version = 1
        var voided = false
        /// A search shows it from this time on.
        var visible: Int
    }

    struct Line: Sendable {
        var key: String
        var amount: Int
        var version: Int
    }

    var nature: Nature
    var entries: [Entry] = []
    private var answered: [String: String] = [:]

    init(_ nature: Nature) { self.nature = nature }

    func live(_ key: String) -> [Entry] { entries.filter { $0.key == key && !$0.voided } }

    /// `key amount version;…`
    static func lines(_ body: [UInt8]) -> [Line] {
        var out: [Line] = []
        body.withUnsafeBufferPointer { bytes in
            var start = 0
            while start + 19 <= bytes.count {
                var at = start + 17
                func number() -> Int {
                    var value = 0
                    while at < bytes.count, bytes[at] >= 48, bytes[at] <= 57 {
                        value = value * 10 + Int(bytes[at] - 48)
                        at += 1
                    }
                    at += 1
                    return value
                }
                let amount = number(), version = number()
                out.append(Line(key: String(decoding: bytes[start ..< start + 16], as: UTF8.self), amount: amount, version: version))
                start = at
            }
        }
        return out
    }

    /// Does what is asked. The answer, and the lines that now have a second live document.
    mutating func handle(_ path: Substring, _ lines: [Line], attempt: String, now: Int, lag: Int) -> (HTTPResponse, doubled: [String]) {
        switch path {
        case "/find", "/read":
            let found = entries.filter { e in lines.contains { $0.key == e.key } && (path == "/read" || e.visible <= now) }
            let texts = found.map { "\($0.key) \($0.id) \($0.amount) \($0.version) \($0.voided ? 1 : 0)" }
            return (.init(200, body: Array(texts.joined(separator: ";").utf8)), [])
        default: break
        }
        if nature.nativeKeys, let before = answered[attempt] { return (.init(200, body: Array(before.utf8)), []) }
        if lines.contains(where: { nature.poison.contains($0.key) }), nature.refusesBatches || lines.count == 1 {
            return (.init(400, body: Array((lines.count > 1 ? "batch" : "no").utf8)), [])
        }
        var words: [String] = []
        var doubled: [String] = []
        for line in lines {
            let at = entries.lastIndex { $0.key == line.key }
            if nature.poison.contains(line.key) {
                words.append("R")
            } else if path == "/create" {
                if nature.uniqueNumbers, at != nil {
                    words.append("D")
                    continue
                }
                if !live(line.key).isEmpty { doubled.append(line.key) }
                entries.append(Entry(key: line.key, id: entries.count + 1, amount: line.amount, visible: now + lag))
                words.append("P \(entries.count) 1")
            } else if let at {
                guard entries[at].version == line.version else {
                    words.append("S")
                    continue
                }
                entries[at].version += 1
                if path == "/void" { entries[at].voided = true } else { entries[at].amount = line.amount }
                words.append("P \(entries[at].id) \(entries[at].version)")
            } else {
                words.append("R")
            }
        }
        let text = words.joined(separator: ";")
        if nature.nativeKeys { answered[attempt] = text }
        return (.init(200, body: Array(text.utf8)), doubled)
    }
}

/// The platform's token endpoint: each refresh gives a new set, and the set before it stays good until the one after is given.
struct TokenProvider: Sendable {
    var current = 1
    var life: Int
    private var issued: [Int: Int] = [1: 0]
    private var revoked: Set<Int> = []

    init(life: Int) { self.life = life }

    func accepts(_ token: String, now: Int) -> Bool {
        guard let n = Int(token.dropFirst()), n >= current - 1, !revoked.contains(n), let at = issued[n] else { return false }
        return now < at + life
    }

    mutating func revoke() { revoked.insert(current) }

    /// A new generation for a refresh token; `nil` when it is refused.
    mutating func refresh(_ token: String, now: Int) -> Int? {
        guard let n = Int(token.dropFirst()), n >= current - 1 else { return nil }
        return issue(now: now)
    }

    /// What a person gets who connects the account anew; every older token is dead.
    mutating func connect(now: Int) -> Int {
        current += 2
        return issue(now: now)
    }

    private mutating func issue(now: Int) -> Int {
        current += 1
        issued[current] = now
        return current
    }
}

@testable import Courier
import Kernel

/// One account's token sets: the platform that issues them, the row that keeps them, and its owners, whom the lease would keep apart.
/// The owners are `TokenRefresh`, the machine that `Courier` drives.
struct RefreshMachine {
    struct Owner {
        var machine = TokenRefresh()
        var action: TokenRefresh.Action?
        /// Version of the row it last read.
        var read = 0
    }

    static let issuedMost = 5
    /// Number of the newest set; the one before it still works.
    var issued = 1
    var version = 1
    var set = 1
    var before: Int?
    var saved: Set<Int> = [1]
    var owners: [Owner]
    /// Answers lost, commits whose answer is lost, owners replaced: so many may still come.
    var misfortunes: Int
    var renewals = 0
    var dead = false

    init(owners count: Int, misfortunes: Int) {
        owners = [Owner](repeating: Owner(), count: count)
        self.misfortunes = misfortunes
        for i in owners.indices { owners[i].machine.adopt(row) }
    }

    static var explorer: Explorer<RefreshMachine> {
        Explorer(
            name: { m in
                "\(m.issued) \(m.version) \(m.set) \(m.before ?? 0) \(m.misfortunes) \(m.renewals) \(m.dead) \(m.owners.map(describe))"
            },
            moves: { $0.moves() },
            broken: { m in
                for owner in m.owners {
                    if let held = owner.machine.held, !m.saved.contains(number(held.credential)) { return "a token set is in force that was never saved" }
                }
                if m.dead { return "the account is given up" }
                return m.set >= m.issued - 1 || (m.before ?? 0) >= m.issued - 1 || m.owners.contains { $0.machine.unsaved != nil || $0.action != nil }
                    ? nil : "no refresh token that is kept works any more"
            },
            isGoal: { m in m.owners.contains { $0.action == nil && ($0.machine.held.map { number($0.credential) } ?? 0) >= m.issued - 1 } })
    }

    private static func credential(_ n: Int) -> Credential { Credential(accessToken: Secret("a\(n)"), refreshToken: Secret("r\(n)"), clientID: "c") }
    private static func number(_ credential: Credential) -> Int { Int(credential.accessToken.revealText().dropFirst()) ?? 0 }

    private static func describe(_ owner: Owner) -> String {
        let m = owner.machine
        let held = m.held.map { "\($0.version) \(number($0.credential)) \($0.fresh)" } ?? "-"
        let unsaved = m.unsaved.map { "\($0.base) \(number($0.credential))" } ?? "-"
        let phase = Mirror(reflecting: m).children.filter { $0.label == "phase" || $0.label == "base" }.map { "\($0.value)" }
        let action = switch owner.action {
        case .exchange(let refresh, _): "exchange \(refresh.revealText())"
        case .save(let credential, let expecting): "save \(number(credential)) on \(expecting)"
        case let other: "\(String(describing: other))"
        }
        return "\(held) / \(unsaved) / \(phase) \(owner.read) / \(action)"
    }

    var row: TokenRefresh.Row {
        TokenRefresh.Row(version: version, credential: RefreshMachine.credential(set), before: before.map { RefreshMachine.credential($0) })
    }

    private func with(_ what: String, _ change: (inout RefreshMachine) -> Void) -> (what: String, state: RefreshMachine) {
        var next = self
        change(&next)
        return (what, next)
    }

    private mutating func tell(_ i: Int, _ event: TokenRefresh.Event) {
        if case .row(let row?) = event { owners[i].read = row.version }
        let action = owners[i].machine.received(event)
        owners[i].action = action
        if case .end(let outcome) = action {
            owners[i].action = nil
            if case .dead = outcome { dead = true }
        }
    }

    func moves() -> [(what: String, state: RefreshMachine)] {
        var out: [(what: String, state: RefreshMachine)] = []
        for i in owners.indices {
            if let action = owners[i].action { out += performed(i, action) } else if renewals < 3, issued < RefreshMachine.issuedMost {
                out.append(with("\(i) renews") { m in
                    m.renewals += 1
                    m.owners[i].machine.adopt(m.row)
                    let action = m.owners[i].machine.renew(used: m.owners[i].machine.held?.version ?? 0)
                    if case .end = action { m.owners[i].action = nil } else { m.owners[i].action = action }
                })
            }
            if misfortunes > 0 {
                out.append(with("\(i) is replaced") { m in
                    m.misfortunes -= 1
                    m.owners[i] = Owner()
                    m.owners[i].machine.adopt(m.row)
                })
            }
        }
        return out
    }

    private static let fault = Fault("lost", stage: .http, disposition: .retry, summary: "no answer")

    private func performed(_ i: Int, _ action: TokenRefresh.Action) -> [(what: String, state: RefreshMachine)] {
        let mayLose = misfortunes > 0
        switch action {
        case .read: return [with("\(i) reads") { $0.tell(i, .row($0.row)) }]
        case .wait: return [with("\(i) has waited") { $0.tell(i, .waited) }]
        case .exchange(let refresh, let from):
            guard let n = Int(refresh.revealText().dropFirst()), n >= issued - 1 else { return [with("\(i) is refused") { $0.tell(i, .refused) }] }
            func exchange(_ what: String, lost: Bool) -> (what: String, state: RefreshMachine) {
                with("\(i) \(what)") { m in
                    m.issued += 1
                    if lost { m.misfortunes -= 1 }
                    var new = RefreshMachine.credential(m.issued)
                    new.clientID = from.clientID
                    m.tell(i, lost ? .failed(RefreshMachine.fault) : .issued(new))
                }
            }
            return [exchange("is given a set", lost: false)] + (mayLose ? [exchange("does not hear of its new set", lost: true)] : [])
        case .save(let credential, let expecting):
            guard version == expecting else { return [with("\(i) comes too late to save") { $0.tell(i, .failed(RefreshMachine.fault)) }] }
            func save(_ what: String, kept: Bool, heard: Bool) -> (what: String, state: RefreshMachine) {
                with("\(i) \(what)") { m in
                    if kept {
                        (m.before, m.set, m.version) = (m.set, RefreshMachine.number(credential), m.version + 1)
                        m.saved.insert(m.set)
                    }
                    if !heard { m.misfortunes -= 1 }
                    m.tell(i, heard ? .saved(version: m.version) : .failed(RefreshMachine.fault))
                }
            }
            let lost = [save("saves and does not hear it", kept: true, heard: false), save("does not save", kept: false, heard: false)]
            return [save("saves", kept: true, heard: true)] + (mayLose ? lost : [])
        // Sets of this machine come from refresh tokens alone.
        case .login, .end: return []
        }
    }
}

public import HTTPClient
public import Kernel
public import Store
internal import Wire

/// Whom messages go to, and whether they may: the same guard that would refuse them later, asked before.
public enum Receivers {
    /// A receiver that would be refused.
    public struct Refused: Sendable, Equatable {
        /// In words, for people.
        public var name: String
        /// `host:port`, as the operator's list has it.
        public var place: String
        public var fault: Fault
    }

    /// - Parameter mail: the operator's own mail server.
    /// - Throws: the database's faults.
    public static func refused(_ store: Store, mail: MailServer?, policy: EgressPolicy) async throws(Fault) -> [Refused] {
        let rows = try await store.transaction { tx throws(Fault) in try await tx.alertRoutes() }
        let bells = try await store.bellAddresses()
        return await refused(rows, bells: bells, mail: mail, policy: policy)
    }

    static func refused(_ rows: [AlertRouteRow], bells: [String], mail: MailServer?, policy: EgressPolicy) async -> [Refused] {
        var places: [(name: String, url: String)] = []
        if let mail { places.append((name: "the operator's mail server (mail.json)", url: mail.server)) }
        for row in rows {
            guard let settings = try? JSON(parsing: row.settings), let url = settings["url"]?.string ?? settings["server"]?.string else { continue }
            places.append((name: "the route \(row.name) of \(row.owner.isOperator ? "the operator" : "tenant \(row.owner.id)")", url: url))
        }
        places += bells.map { (name: "a bell", url: $0) }
        var out: [Refused] = []
        for (name, url) in places {
            do throws(Fault) { try await policy.foresee(url) } catch {
                guard error.code == "egress_refused" else { continue }
                let place = authority(url)
                let fault = Fault(
                    "receiver_not_allowed", stage: .http, disposition: .hold, summary: "\(name) will be told nothing: \(error.summary)",
                    remedy: "If this host is meant, add alerts=\(place) to COUNTERFOIL_ALLOWED_HOSTS.")
                out.append(Refused(name: name, place: place, fault: fault))
            }
        }
        return out
    }

    /// With the port that is meant where none is named.
    private static func authority(_ url: String) -> String {
        let scheme = String(url.prefix { $0 != ":" }), rest = url.dropFirst(scheme.count + 3).prefix { $0 != "/" }
        let tail = rest.hasPrefix("[") ? rest[(rest.firstIndex(of: "]") ?? rest.startIndex)...] : rest
        guard !tail.contains(":") else { return rest.lowercased() }
        let port = ["http": 80, "https": 443, "smtp": 587, "smtps": 465][scheme.lowercased()] ?? 443
        return "\(rest.lowercased()):\(port)"
    }
}

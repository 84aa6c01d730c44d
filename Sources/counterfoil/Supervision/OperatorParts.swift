internal import FoundationEssentials
internal import Kernel
internal import Wire

/// What the operator has of credentials for all connections: `secrets/operator.json`, a member for each platform.
enum OperatorParts {
    static let file = "operator.json"

    /// By platform and name; nothing where there is no file.
    /// - Throws: `operator_parts_unreadable`.
    static func read(_ secrets: Secrets) throws(Fault) -> [String: [String: Secret]] {
        let path = secrets.path(file)
        guard FileManager.default.fileExists(atPath: path) else { return [:] }
        return try parse(Array(try Secrets.read(path).utf8))
    }

    /// `{"sage-intacct": {"sender_id": "…"}}`.
    /// - Throws: `operator_parts_unreadable`.
    static func parse(_ bytes: [UInt8]) throws(Fault) -> [String: [String: Secret]] {
        guard let platforms = (try? JSON(parsing: bytes))?.object else { throw unreadable() }
        var out: [String: [String: Secret]] = [:]
        for (platform, parts) in platforms {
            guard let members = parts.object else { throw unreadable() }
            for (name, value) in members {
                guard let text = value.string, !text.isEmpty, text.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) else { throw unreadable() }
                out[platform, default: [:]][name] = Secret(text)
            }
        }
        return out
    }

    private static func unreadable() -> Fault {
        Fault(
            "operator_parts_unreadable", stage: .configuration, disposition: .hold, summary: "the file secrets/\(file) is no JSON of platforms and their parts",
            remedy: "Write {\"platform\": {\"part\": \"value\"}}, each value a text in one line.")
    }
}

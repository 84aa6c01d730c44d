internal import Crypto
internal import Kernel
internal import Wire

/// What somebody has seen of what they change: `If-Match`, which anybody may leave out. With it nobody's change is written over unseen.
struct Precondition: Sendable {
    private enum Wanted: Sendable {
        /// Not asked for.
        case whatever
        case anything
        case tags([String])
    }

    private let wanted: Wanted

    /// - Throws: 400 `if_match_malformed`.
    /// - Source: RFC 9110, 8.8.3 and 13.1.1.
    init(_ request: HTTPRequest) throws(Refusal) {
        let lines = request.fields.all("If-Match")
        guard !lines.isEmpty else {
            wanted = .whatever
            return
        }
        let text = lines.joined(separator: ",").trimmed
        guard text != "*" else {
            wanted = .anything
            return
        }
        var tags: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            // Proxies that compress make a tag weak; of one version there is one text, so it names the same.
            let tag = String(part).trimmed, bare = tag.hasPrefix("W/") ? String(tag.dropFirst(2)) : tag
            guard bare.utf8.count >= 2, bare.hasPrefix("\""), bare.hasSuffix("\""), !bare.dropFirst().dropLast().contains("\"") else {
                throw Refusal(400, "if_match_malformed", "If-Match is not an ETag.", remedy: "Send the ETag of what you read as it came, with its quotes.")
            }
            tags.append(bare)
        }
        wanted = .tags(tags)
    }

    /// - Parameters:
    ///   - tag: of what is there now; `nil`: nothing is.
    ///   - what: it is: `the account structure`.
    /// - Throws: `changed_meanwhile`.
    func check(_ tag: String?, _ what: String) throws(Fault) {
        switch wanted {
        case .whatever: return
        case .anything where tag != nil: return
        case .tags(let seen) where tag.map(seen.contains) ?? false: return
        default:
            throw Fault(
                "changed_meanwhile", stage: .api, disposition: .reject,
                summary: tag.map { "\(what) was changed since it was read: it is \($0) now" } ?? "there is no such thing yet: \(what)",
                remedy: "Read it again, put your change into what is there now, and send that with the ETag it came with.", position: "If-Match")
        }
    }

    // MARK: Tags

    static func tag(version: Int) -> String { "\"\(version)\"" }
    static func tag(structure: Int, rules: Int) -> String { "\"\(structure).\(rules)\"" }
    /// Of what has no versions: the same as long as it says the same.
    static func tag(of json: [UInt8]) -> String { "\"\(Digest.sha256(json).hexText.prefix(20))\"" }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}

extension HTTPResponse {
    static func json(_ status: Int, _ value: JSON, tag: String) -> HTTPResponse {
        var out = HTTPResponse.json(status, value)
        out.fields["ETag"] = tag
        return out
    }
}

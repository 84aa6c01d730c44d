public import ConnectorKit
internal import Kernel
public import Wire

extension SquareConnector {
    /// - Source: developer.squareup.com, "Handling errors"; ErrorCategory and ErrorCode of api.json.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        let judging = Judging("Square")
        let error = Self.error(response)
        let says = Self.words(error)
        switch response.status {
        case 200 ..< 300:
            guard Self.object(response) != nil else { return judging.unreadable(response, to: call) }
            // What is left of a list whose other half failed is no list.
            return error == nil ? .accepted : .rejected(judging.refused("an error under a success", says))
        // An object that is gone is an answer to who asked for it.
        case 404 where call.kind == .read && error?["code"]?.string == "NOT_FOUND": return .accepted
        case 403: return .reauthorize(Self.denied(says))
        case 429: return .throttled(after: Judging.retryAfter(response), bucket: Self.bucket)
        case 400 where call.kind == .read && error?["code"]?.string == "INVALID_CURSOR": return .unavailable(Self.outdated(says))
        default: return judging.verdict(response, to: call, says: says)
        }
    }

    private static func object(_ response: HTTPResponse) -> JSON? {
        do throws(Fault) {
            let json = try JSON(parsing: response.body)
            return json.object == nil ? nil : json
        } catch { return nil }
    }

    /// The first of `errors`.
    private static func error(_ response: HTTPResponse) -> JSON? {
        guard let first = object(response)?["errors"]?.array?.first, first.object != nil else { return nil }
        return first
    }

    /// `INVALID_CURSOR: Invalid cursor (cursor)`.
    private static func words(_ error: JSON?) -> String? {
        guard let error else { return nil }
        let field = error["field"]?.string.map { "(\($0))" }
        let words = [error["code"]?.string.map { "\($0):" }, error["detail"]?.string, field].compactMap(\.self)
        return words.isEmpty ? nil : words.joined(separator: " ")
    }

    private static func denied(_ text: String?) -> Fault {
        Fault(
            "access_denied", stage: .courier, disposition: .reauthorise, summary: "Square denies the token a right",
            remedy: "Connect the account again with the scopes that docs/connectors/square.md lists.", underlying: Judging.short(text))
    }

    private static func outdated(_ text: String?) -> Fault {
        Fault(
            "cursor_outdated", stage: .courier, disposition: .retry, summary: "Square does not know the place in a list any more",
            remedy: "Tried again by itself, from the list's beginning.", underlying: Judging.short(text))
    }
}

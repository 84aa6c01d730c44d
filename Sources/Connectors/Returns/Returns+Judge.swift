public import ConnectorKit
internal import Kernel
public import Wire

extension ReturnsConnector {
    /// - Source: docs.loopreturns.com, "Errors"; aftership.com/docs/returns, "Request errors", "Body envelope".
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        let dialect = dialect, judging = Judging(dialect.name)
        let body = Self.object(response)
        let isNote = LoopNotes.isAbout(call)
        switch response.status {
        case 200 where isNote && call.kind == .write && LoopNotes.isDone(response): return .accepted
        case 422 where isNote && call.kind == .read && LoopNotes.isNone(response): return .accepted
        // A note's answer is one word: who knows what anything else means.
        case 200 ..< 300 where isNote && call.kind == .write && !(body.map { dialect.isRefusal($0) } ?? false): return judging.unreadable(response, to: call)
        case 200 ..< 300:
            guard let body else { return judging.unreadable(response, to: call) }
            return dialect.isRefusal(body) ? .rejected(judging.refused("an error under a success", dialect.says(body))) : .accepted
        // A return that is gone is an answer to who asked for it.
        case 404 where call.kind == .read && body != nil: return .accepted
        // A key that may only read still reads: a note that it may not write is no reason to stop that.
        case 403 where isNote && body != nil: return .rejected(mayNotWrite(body.flatMap { dialect.says($0) }))
        case 403:
            return .reauthorize(Fault(
                "access_denied", stage: .courier, disposition: .reauthorise, summary: "\(dialect.name) denies the key a right",
                remedy: "Give the key the right to read returns, as docs/connectors/\(platform.rawValue).md says.",
                underlying: Judging.short(body.flatMap { dialect.says($0) })))
        default: return judging.verdict(response, to: call, says: body.flatMap { dialect.says($0) }, bucket: dialect.limit.name)
        }
    }

    private func mayNotWrite(_ text: String?) -> Fault {
        Fault(
            "write_denied", stage: .post, disposition: .reject, summary: "\(dialect.name)'s API key may not write notes beside returns",
            remedy: "Give the key the scope of returns, as docs/connectors/\(platform.rawValue).md says, or set the policy reflect: off. Then tell it again.",
            underlying: Judging.short(text))
    }

    static func object(_ response: HTTPResponse) -> JSON? {
        do throws(Fault) {
            let json = try JSON(parsing: response.body)
            return json.object == nil ? nil : json
        } catch { return nil }
    }
}

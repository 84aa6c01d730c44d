public import ConnectorKit
internal import Kernel
public import Wire

extension ReturnsConnector {
    /// - Source: docs.loopreturns.com, "Errors"; aftership.com/docs/returns, "Request errors", "Body envelope".
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        let dialect = dialect, judging = Judging(dialect.name)
        let body = Self.object(response)
        switch response.status {
        case 200 ..< 300:
            guard let body else { return judging.unreadable(response, to: call) }
            return dialect.isRefusal(body) ? .rejected(judging.refused("an error under a success", dialect.says(body))) : .accepted
        // A return that is gone is an answer to who asked for it.
        case 404 where call.kind == .read && body != nil: return .accepted
        case 403:
            return .reauthorize(Fault(
                "access_denied", stage: .courier, disposition: .reauthorise, summary: "\(dialect.name) denies the key a right",
                remedy: "Give the key the right to read returns, as docs/connectors/\(platform.rawValue).md says.",
                underlying: Judging.short(body.flatMap { dialect.says($0) })))
        default: return judging.verdict(response, to: call, says: body.flatMap { dialect.says($0) }, bucket: dialect.limit.name)
        }
    }

    /// Calls that are left in AfterShip's second; Loop tells none.
    /// - Source: aftership.com/docs/returns, "Rate limit": x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset.
    public func readings(_ response: HTTPResponse) -> [BudgetReading] {
        guard platform == .afterShip, let left = response.fields["x-ratelimit-remaining"].flatMap({ Int($0) }), left >= 0 else { return [] }
        return [BudgetReading(name: dialect.limit.name, remaining: left)]
    }

    static func object(_ response: HTTPResponse) -> JSON? {
        do throws(Fault) {
            let json = try JSON(parsing: response.body)
            return json.object == nil ? nil : json
        } catch { return nil }
    }
}

public import ConnectorKit
internal import Kernel
public import Wire

extension ShopifyConnector {
    /// - Source: shopify.dev, "GraphQL Admin API rate limits" (throttled answers have status 200); error codes in
    /// docs/connectors/shopify.md.
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        switch response.status {
        case 200: judgeBody(response, call)
        case 201 ..< 300: .accepted
        case 401:
            .reauthorize(
                fault(
                    "unauthorized", .reauthorise, "Shopify does not accept the access token", "Connect the shop again.")
            )
        case 402: .unavailable(fault("shop_frozen", .retry, "the shop is frozen until its Shopify bill is paid", "Pay the bill in Shopify's admin; it is asked again by itself."))
        // A token that may only read still reads: a line that it may not write is no reason to stop that.
        case 403 where call.kind == .write: .rejected(mayNotWrite)
        case 403:
            .reauthorize(
                fault(
                    "access_denied", .reauthorise, "the access token lacks a scope",
                    "Give the app read_orders (and read_all_orders for orders older than 60 days) and connect again."))
        case 423: .unavailable(fault("shop_locked", .retry, "the shop is locked", "Ask Shopify's support why; it is asked again by itself."))
        case 429: .throttled(after: retryAfter(response), bucket: nil)
        case 430: .throttled(after: retryAfter(response) ?? .seconds(60), bucket: nil)
        case 408: undecided(call, "http_408", "Shopify gave up waiting for the request")
        case 300 ..< 500:
            .rejected(
                fault("http_\(response.status)", .reject, "Shopify refused the request with status \(response.status)"))
        default: undecided(call, "http_\(response.status)", "Shopify answered with status \(response.status)")
        }
    }

    /// Points left in the bucket, as the answer states them.
    public func readings(_ response: HTTPResponse) -> [BudgetReading] {
        guard response.status == 200, let document = document(response) else { return [] }
        let status = document.root["extensions"]["cost"]["throttleStatus"]
        guard let left = wholePoints(status["currentlyAvailable"]) else { return [] }
        return [BudgetReading(name: Self.bucket, remaining: left)]
    }

    /// Status 200 says nothing yet: GraphQL puts its errors into the body.
    private func judgeBody(_ response: HTTPResponse, _ call: Call) -> Verdict {
        guard let root = document(response)?.root, !root.members.isEmpty else {
            return undecided(call, "unreadable_answer", "the answer with status 200 is not a JSON object")
        }
        let errors = root["errors"]
        guard !errors.isNull else { return judgeUserErrors(root["data"], call) }
        let codes = errors.elements.map { $0["extensions"]["code"].string ?? "" }
        if codes.contains("THROTTLED") { return .throttled(after: wait(root), bucket: Self.bucket) }
        if codes.contains("INTERNAL_SERVER_ERROR") || codes.contains("TIMEOUT") {
            return undecided(call, "internal_server_error", "Shopify failed inside")
        }
        if codes.contains("SHOP_INACTIVE") {
            return .unavailable(fault("shop_inactive", .retry, "the shop is not active", "Open the shop again in Shopify's admin, or pause the connection."))
        }
        if codes.contains("ACCESS_DENIED") {
            if onlyAddressesDenied(root) { return .accepted }
            if call.kind == .write { return .rejected(mayNotWrite) }
            return .reauthorize(
                fault(
                    "access_denied", .reauthorise, "the access token lacks a scope for a field of the query",
                    "Give the app read_orders and access to protected customer data (address), and connect again."))
        }
        if codes.contains("MAX_COST_EXCEEDED") {
            return .rejected(fault("max_cost_exceeded", .bug, "the query asks for more points than one query may"))
        }
        return .rejected(fault("graphql_error", .reject, "Shopify refused the query: \(safe(codes))", "Report it with these codes and the time."))
    }

    private func judgeUserErrors(_ data: JSONView, _ call: Call) -> Verdict {
        let errors = data.members.flatMap { $0.value["userErrors"].elements }
        guard !errors.isEmpty else { return .accepted }
        let codes = errors.map { $0["code"].string ?? "" }
        // Somebody wrote since it was read, an earlier try of ours perhaps: it is read again.
        if call.kind == .write, codes.contains("STALE_OBJECT") || codes.contains("INTERNAL_ERROR") {
            return .outcomeUnknown(Judging("Shopify").notTold("what was to be written over has changed since it was read"))
        }
        if call.kind == .write, codes.contains("APP_NOT_AUTHORIZED") { return .rejected(mayNotWrite) }
        return .rejected(fault("user_errors", .reject, "Shopify refused the values of the request: \(safe(codes))", "Report it with the time and the posting's key."))
    }

    private var mayNotWrite: Fault {
        Fault(
            "write_denied", stage: .post, disposition: .reject, summary: "the shop's access token may not write metafields of orders",
            remedy: "Give the app write_orders and connect again, or set the policy reflect: off. Then tell it again.")
    }

    /// Without approval for protected customer data only the addresses come back empty: orders are told all the same,
    /// and preflight holds those whose tax has no place.
    private func onlyAddressesDenied(_ root: JSONView) -> Bool {
        guard root["data"].members.contains(where: { !$0.value.isNull }) else { return false }
        return root["errors"].elements.allSatisfy { error in
            error["extensions"]["code"].string == "ACCESS_DENIED"
                && error["path"].elements.contains { ["shippingAddress", "billingAddress"].contains($0.string ?? "") }
        }
    }

    /// `(requestedQueryCost - currentlyAvailable) / restoreRate`, in whole milliseconds rounded up.
    private func wait(_ root: JSONView) -> Duration {
        let cost = root["extensions"]["cost"]
        guard let wanted = wholePoints(cost["requestedQueryCost"]),
            let left = wholePoints(cost["throttleStatus"]["currentlyAvailable"]),
            let rate = wholePoints(cost["throttleStatus"]["restoreRate"]), rate > 0
        else { return .seconds(1) }
        let milliseconds = (max(0, wanted - left) * 1000 + rate - 1) / rate
        return .milliseconds(min(max(milliseconds, 1), Int(ShopifyLimits.waitSeconds) * 1000))
    }

    /// Shopify writes points as `1983` or `1983.0`; fractions are cut. `nil` beyond anything sensible.
    private func wholePoints(_ view: JSONView) -> Int? {
        guard let value = view.decimal, !value.isNegative, value < ExactDecimal(1_000_000_000) else { return nil }
        var points = value.coefficient
        for _ in 0 ..< value.scale { points /= 10 }
        return Int(points)
    }

    /// `Retry-After: 2.0`, in seconds.
    private func retryAfter(_ response: HTTPResponse) -> Duration? {
        guard let seconds = response.fields["Retry-After"].flatMap({ ExactDecimal($0) }), !seconds.isNegative,
            seconds < ExactDecimal(Int(ShopifyLimits.waitSeconds))
        else { return nil }
        let scaled = seconds.rounded(toScale: min(seconds.scale, 3)).rounded(toScale: 3)
        return .milliseconds(Int64(clamping: scaled.coefficient))
    }

    private func undecided(_ call: Call, _ code: String, _ summary: String) -> Verdict {
        let fault = fault(code, .retry, summary)
        return call.kind == .write ? .outcomeUnknown(fault) : .unavailable(fault)
    }

    private func document(_ response: HTTPResponse) -> JSONDocument? {
        do throws(Fault) { return try JSONDocument(parsing: response.body) } catch { return nil }
    }

    private func fault(_ code: String, _ disposition: Fault.Disposition, _ summary: String, _ remedy: String = "")
        -> Fault
    {
        Fault(code, stage: .courier, disposition: disposition, summary: summary, remedy: remedy)
    }

    /// Error codes are the platform's words; anything else is left out.
    private func safe(_ codes: [String]) -> String {
        let known = codes.filter { code in
            !code.isEmpty && code.utf8.count <= 50
                && code.utf8.allSatisfy { ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122) || $0 == 95 }
        }
        return known.isEmpty ? "no code given" : known.prefix(3).joined(separator: ", ")
    }
}

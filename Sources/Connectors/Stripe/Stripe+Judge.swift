public import ConnectorKit
internal import Kernel
public import Wire

extension StripeConnector {
    /// - Source: docs.stripe.com, "Error codes", "Rate limits", "Advanced error handling" (`Stripe-Should-Retry`).
    public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
        let judging = Judging("Stripe")
        let error = Self.error(response)
        let says = error?["message"]?.string
        switch response.status {
        case 200 ..< 300:
            guard let body = Self.object(response) else { return judging.unreadable(response, to: call) }
            guard let error = body["error"], !error.isNull else { return .accepted }
            return .rejected(judging.refused("an error under a success", error["message"]?.string))
        // An object that is gone, or of the other mode, is an answer to who asked for it.
        case 404 where call.kind == .read && error?["code"]?.string == "resource_missing": return .accepted
        // A key that may only read still reads: metadata that it may not write is no reason to stop that.
        case 403 where call.kind == .write && error != nil && error?["code"]?.string != "account_invalid": return .rejected(Self.mayNotWrite(says))
        case 403: return .reauthorize(Self.denied(says))
        case 429: return .throttled(after: Judging.retryAfter(response), bucket: Self.bucket)
        case 409 where error != nil: return .throttled(after: Judging.retryAfter(response), bucket: nil)
        // Something that Stripe relies on failed; it says that nothing was done by asking to try again.
        case 424 where error != nil: return judging.down(call, "status 424", says)
        default: return judging.verdict(response, to: call, says: says)
        }
    }

    private static func object(_ response: HTTPResponse) -> JSON? {
        do throws(Fault) {
            let json = try JSON(parsing: response.body)
            return json.object == nil ? nil : json
        } catch { return nil }
    }

    private static func error(_ response: HTTPResponse) -> JSON? {
        guard !(200 ..< 300).contains(response.status), let error = object(response)?["error"], error.object != nil else { return nil }
        return error
    }

    private static func mayNotWrite(_ text: String?) -> Fault {
        Fault(
            "write_denied", stage: .post, disposition: .reject, summary: "the Stripe key may not write metadata of charges and invoices",
            remedy: "Give the restricted key the right to write Charges and Invoices, or set the policy reflect: off. Then tell it again.",
            underlying: Judging.short(text))
    }

    private static func denied(_ text: String?) -> Fault {
        Fault(
            "access_denied", stage: .courier, disposition: .reauthorise, summary: "Stripe denies the key a right, or the account is gone",
            remedy: "Give the restricted key the read rights that docs/connectors/stripe.md lists, or connect the account again.",
            underlying: Judging.short(text))
    }
}

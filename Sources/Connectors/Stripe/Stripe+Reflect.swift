internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension StripeConnector {
    public var reflectionPlace: ReflectionPlace { .written }

    /// One member of the metadata of the charge or invoice for each of its documents, `counterfoil_0123456789abcdef`, with the last state in words. The
    /// mark in it says that it is there. Other members stay as they are, whoever wrote them: Stripe changes those alone that a request names.
    /// - Source: docs.stripe.com, API reference, Update a charge, Update an invoice (`metadata`); Metadata: 50 members, 40 characters of a name, 500 of a value.
    public func reflect(_ state: ReflectedState, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome>? {
        // What stands for neither has no metadata of its own: an order of the shop's, a fee that the platform earned, a payout.
        guard let path = StripeMember.path(of: state.caseID) else { return nil }
        let member = StripeMember(state)
        return .send(StripeCalls.get(path)) { answer in
            .trying { () throws(Fault) in
                if answer.status == 404 { return .finish(.rejected(Self.chargeGone)) }
                let there = try answer.json()
                guard there["id"]?.string == state.caseID else { throw StripeCalls.unreadable("another object") }
                // Of a draft that was deleted little more is left than its id.
                if there["deleted"]?.bool == true { return .finish(.rejected(Self.chargeGone)) }
                guard let kept = there["metadata"], kept == .null || kept.object != nil else { throw StripeCalls.unreadable("an object without metadata") }
                if member.stands(in: kept) { return .finish(.posted(remoteID: member.name, version: nil)) }
                return .send(member.write(path)) { .finish(Self.written($0, member)) }
            }
        }
    }

    private static func written(_ answer: HTTPResponse, _ member: StripeMember) -> PostOutcome {
        let vague = Judging("Stripe").notTold("metadata without what was written")
        do throws(Fault) {
            guard let now = try answer.json()["metadata"], member.stands(in: now) else { return .unknown(vague) }
            return .posted(remoteID: member.name, version: nil)
        } catch { return .unknown(vague) }
    }

    private static let chargeGone = Fault(
        "order_gone", stage: .post, disposition: .reject, summary: "Stripe no longer has the charge or invoice that was to be told",
        remedy: "Dismiss it: there is nothing left that it could stand beside.")
}

/// What the metadata says of one document.
struct StripeMember {
    /// As Stripe counts them.
    static let characters = 500

    let name: String
    let value: String
    private let mark: String

    init(_ state: ReflectedState) {
        name = "counterfoil_\(state.key.text)"
        mark = "[\(state.mark)]"
        value = cut(plain(state.words), utf16: Self.characters - 1 - mark.utf16.count) + " " + mark
    }

    /// Of what has metadata that may be written at any time; `nil` for everything else.
    static func path(of id: String) -> String? {
        guard StripeID.isID(id) else { return nil }
        switch StripeID.kind(id) {
        case "ch", "py": return "charges/\(id)"
        case "in": return "invoices/\(id)"
        default: return nil
        }
    }

    /// Whether this very state stands there.
    func stands(in metadata: JSON) -> Bool { metadata[name]?.string?.hasSuffix(mark) ?? false }

    func write(_ path: String) -> Call {
        let body = Array(Form.encode([(name: "metadata[\(name)]", value: value)]).utf8)
        let fields: HTTPFields = ["Content-Type": "application/x-www-form-urlencoded"]
        return Call(.write, HTTPRequest(.post, "/v1/" + path, fields: fields, body: body), cost: [StripeConnector.bucket: 1])
    }
}

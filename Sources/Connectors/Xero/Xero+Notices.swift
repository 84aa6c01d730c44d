public import ConnectorKit
internal import Crypto
public import Kernel
public import Wire

extension XeroConnector {
    /// Checks `x-xero-signature` (base64 of HMAC-SHA256 over the raw body, keyed with the app's webhook key) in constant time, and reads what has
    /// changed in whatever organisations are connected to the app. No events: Xero tries the address, with right signatures and wrong ones.
    /// - Throws: `unreadable_notice` (hold).
    /// - Source: XeroAPI/Xero-OpenAPI, xero-webhooks.yaml 16.1.0; Xero developer pages, Webhooks, "Configuring your server".
    public func notices(_ fields: HTTPFields, body: [UInt8], secret: Secret) throws(Fault) -> [LedgerNotice]? {
        guard !secret.isEmpty, let stated = fields.only("x-xero-signature"), stated.utf8.count <= XeroLimits.signatureBytes,
            let signature = Base64.decode(stated), constantTimeEquals(signature, HMAC.sha256(key: secret.reveal(), body))
        else { return nil }
        let events: JSONView
        do throws(Fault) { events = try JSONDocument(parsing: body).root["events"] } catch { throw Self.unreadableNotice("it is no JSON") }
        guard events.isArray else { throw Self.unreadableNotice("it has no list of events") }
        var out: [LedgerNotice] = []
        // What customers of the app subscribe to is nobody's books.
        for event in events.elements where event["eventCategory"].string != "SUBSCRIPTION" {
            guard let account = event["tenantId"].string, isGUID(account), let id = event["resourceId"].string, isGUID(id),
                let object = event["eventCategory"].string, !object.isEmpty, object.utf8.count <= XeroLimits.category
            else { throw Self.unreadableNotice("an event names no organisation, kind or id") }
            out.append(LedgerNotice(account: account, object: object, remoteID: id, change: Self.change(event), at: XeroDate.time(event["eventDateUtc"])))
        }
        return out
    }

    /// Voids, payments and archiving come as updates; only credit notes tell their status.
    private static func change(_ event: JSONView) -> LedgerNotice.Change {
        switch (event["eventType"].string, event["data"]["Status"].string) {
        case (_, "VOIDED"): .voided
        case (_, "DELETED"): .deleted
        case ("CREATE", _): .created
        default: .updated
        }
    }

    private static func unreadableNotice(_ why: String) -> Fault {
        Fault(
            "unreadable_notice", stage: .ingest, disposition: .hold, summary: "a genuine webhook of Xero can't be read: \(why)",
            remedy: "Report it with the time; what has changed is asked for as well.")
    }
}

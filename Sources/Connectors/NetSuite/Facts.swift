internal import Books
internal import ConnectorKit
internal import Kernel

/// What is the same of NetSuite however it is spoken to.
enum Facts {
    static let limits = [RateLimit(name: "minute", scope: .connection, amount: NetSuiteLimits.callsPerMinute, window: .seconds(60))]

    static let idempotency = Idempotency(
        nativeKey: .field("externalId"), nativeKeyLifetime: nil, searchable: true, findSettles: NetSuiteLimits.requestLife)

    static let currency = CurrencyAbility(foreign: true, rate: .stated)

    static let fieldLengths: [String: Int] = [
        "item_name": NetSuiteLimits.itemName, "party_name": NetSuiteLimits.partyName, "line_note": NetSuiteLimits.lineNote,
        "document_note": NetSuiteLimits.memo, "reference": NetSuiteLimits.memo,
    ]

    static let sources: [String: String] = [
        "limits.minute": "our choice: NetSuite publishes no quota, only concurrency for the account, which all integrations share",
        "concurrency": "Oracle NetSuite help, Concurrency Governance: 5 to 15 and more for the whole account; 2 of them are our choice",
        "idempotency.settles": "Oracle NetSuite help: a request is cut after 15 minutes; until then a lost one may still be done",
        "fields": "general knowledge: itemId 40, companyName 83, memo 999, otherRefNum 45; EXCEEDED_MAX_FIELD_LENGTH tells of others",
        "tax": "netsuitephp/netsuite-php, InvoiceItem and TaxDetails (WSDL 2024.1): tax1Amt of lines; taxDetailsOverride with SuiteTax",
        "currency": "netsuitephp/netsuite-php, Invoice (WSDL 2024.1): currency and exchangeRate, base units per foreign unit",
    ]

    static func objects(_ name: (Kind) -> String) -> [PlatformObject] {
        let all: [PlatformObject.Operation] = [.find, .read, .create, .update, .void, .list]
        let journals = ["payment", "refund_payment", "journal", "reversal", "settlement", "payout", "deposit", "summary"]
        return [
            PlatformObject(name(.invoice), carries: ["invoice"], all), PlatformObject(name(.creditMemo), carries: ["credit_note"], all),
            PlatformObject(name(.cashSale), carries: ["sales_receipt"], all), PlatformObject(name(.customerPayment), carries: ["payment"], all),
            PlatformObject(name(.customerRefund), carries: ["refund_payment"], all), PlatformObject(name(.journalEntry), carries: journals, all),
            PlatformObject(name(.vendorBill), carries: ["bill"], all), PlatformObject(name(.purchaseOrder), carries: ["purchase_order"], all.filter { $0 != .update }),
            PlatformObject(name(.customer), carries: ["party"], [.find, .create]), PlatformObject(name(.vendor), carries: ["party"], [.find, .create]),
            PlatformObject(name(.nonInventorySaleItem), carries: ["item"], [.find, .create]),
            PlatformObject(name(.otherChargeSaleItem), carries: ["item"], [.find, .create]),
        ]
    }

    /// What can be told before parties, items and the document that it settles are known.
    static func objections(to document: LedgerDocument, _ connection: ConnectionFacts) -> [Fault] {
        guard document.plan.effect == .post else { return [] }
        do throws(Fault) {
            let settings = try Settings(connection)
            var known = document
            known.party = known.party ?? "0"
            if known.kind?.isPayment == true { known.appliesTo = known.appliesTo ?? "0" }
            // What is ordered may have no item.
            for index in known.lines.indices where known.kind != .purchaseOrder { known.lines[index].item = known.lines[index].item ?? "0" }
            _ = try Record(known, settings, [document.plan.currency.code: "0"])
            return []
        } catch {
            return [error]
        }
    }
}

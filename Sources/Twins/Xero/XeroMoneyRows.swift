internal import Kernel
internal import Wire

/// Money in on an invoice, or out on a credit note.
struct XeroPayment: XeroRow {
    static let kind = "Payment"
    var id: String
    /// The invoice's or credit note's id.
    var document: String
    /// The account's code.
    var account: String
    var date: LocalDate
    /// Hundredths of the document's currency.
    var amount: Int64
    /// Hundredths of the account's currency.
    var bankAmount: Int64
    /// Document currency per unit of base currency on the payment's day.
    var rate: ExactDecimal
    var reference: String
    var reconciled = false
    var live = true
    var updated: Timestamp

    var indexKeys: [String] { ["document:" + document] }

    var stored: JSON {
        var out = XeroMembers()
        out.text("id", id)
        out.text("document", document)
        out.text("account", account)
        out.text("date", date.description)
        out.set("amount", .number(String(amount)))
        out.set("bank", .number(String(bankAmount)))
        out.set("rate", .decimal(rate))
        out.text("reference", reference)
        out.flag("reconciled", reconciled)
        out.flag("live", live)
        out.set("updated", .number(String(updated.microseconds)))
        return out.json
    }

    init(
        id: String, document: String, account: String, date: LocalDate, amount: Int64, rate: ExactDecimal,
        updated: Timestamp
    ) {
        self.id = id
        self.document = document
        self.account = account
        self.date = date
        self.amount = amount
        self.bankAmount = amount
        self.rate = rate
        self.reference = ""
        self.updated = updated
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string, let document = stored["document"]?.string,
            let account = stored["account"]?.string,
            let date = stored["date"]?.string.flatMap({ LocalDate($0) }), let amount = stored["amount"]?.int,
            let rate = stored["rate"]?.decimal
        else { return nil }
        self.init(
            id: id, document: document, account: account, date: date, amount: Int64(amount), rate: rate,
            updated: stored.xeroMoment("updated"))
        bankAmount = Int64(stored["bank"]?.int ?? amount)
        reference = stored["reference"]?.string ?? ""
        reconciled = stored["reconciled"]?.bool ?? false
        live = stored["live"]?.bool ?? true
    }
}

/// A manual journal; its lines' amounts are debits when positive.
struct XeroManualJournal: XeroRow {
    static let kind = "ManualJournal"
    var id: String
    var narration: String
    var date: LocalDate
    var status = "DRAFT"
    var amountTypes = "NoTax"
    var url: String?
    var cashBasis = true
    var lines: [XeroLine] = []
    var updated: Timestamp

    init(id: String, narration: String, date: LocalDate, updated: Timestamp) {
        self.id = id
        self.narration = narration
        self.date = date
        self.updated = updated
    }

    var stored: JSON {
        var out = XeroMembers()
        out.text("id", id)
        out.text("narration", narration)
        out.text("date", date.description)
        out.text("status", status)
        out.text("amounts", amountTypes)
        out.text("url", url)
        out.flag("cash", cashBasis)
        out.set("lines", .array(lines.map(\.stored)))
        out.set("updated", .number(String(updated.microseconds)))
        return out.json
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string, let narration = stored["narration"]?.string,
            let date = stored["date"]?.string.flatMap({ LocalDate($0) })
        else { return nil }
        self.init(id: id, narration: narration, date: date, updated: stored.xeroMoment("updated"))
        status = stored["status"]?.string ?? "DRAFT"
        amountTypes = stored["amounts"]?.string ?? "NoTax"
        url = stored["url"]?.string
        cashBasis = stored["cash"]?.bool ?? true
        lines = (stored["lines"]?.array ?? []).compactMap { XeroLine(stored: $0) }
    }
}

/// Money received into, or spent from, a bank account without an invoice.
struct XeroBankTransaction: XeroRow {
    static let kind = "BankTransaction"
    var id: String
    /// The lines, their totals and the contact, held as a document of type `RECEIVE` or `SPEND`.
    var document: XeroDocument
    /// The bank account's code.
    var bank: String

    var stored: JSON { .object([("bank", .string(bank)), ("document", document.stored)]) }

    init(document: XeroDocument, bank: String) {
        id = document.id
        self.document = document
        self.bank = bank
    }

    init?(stored: JSON) {
        guard let bank = stored["bank"]?.string, let document = stored["document"].flatMap({ XeroDocument(stored: $0) })
        else {
            return nil
        }
        self.init(document: document, bank: bank)
    }
}

/// A refresh token the token endpoint gave out.
struct XeroGrant: XeroRow {
    static let kind = "RefreshToken"
    var id: String
    var issued: Timestamp
    /// When it was exchanged; it still works for the grace time after that.
    var rotated: Timestamp?
    var revoked = false

    init(id: String, issued: Timestamp) {
        self.id = id
        self.issued = issued
    }

    var stored: JSON {
        var out = XeroMembers()
        out.text("id", id)
        out.set("issued", .number(String(issued.microseconds)))
        out.set("rotated", rotated.map { JSON.number(String($0.microseconds)) })
        out.flag("revoked", revoked)
        return out.json
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string else { return nil }
        self.init(id: id, issued: stored.xeroMoment("issued"))
        rotated = stored["rotated"]?.int.map { Timestamp(microseconds: Int64($0)) }
        revoked = stored["revoked"]?.bool ?? false
    }
}

/// An access token.
struct XeroSession: XeroRow {
    static let kind = "AccessToken"
    var id: String
    var expires: Timestamp
    var revoked = false

    init(id: String, expires: Timestamp) {
        self.id = id
        self.expires = expires
    }

    var stored: JSON {
        .object([("id", .string(id)), ("expires", .number(String(expires.microseconds))), ("revoked", .bool(revoked))])
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string else { return nil }
        self.init(id: id, expires: stored.xeroMoment("expires"))
        revoked = stored["revoked"]?.bool ?? false
    }
}

/// An answer kept under its `Idempotency-Key`.
struct XeroStoredAnswer: XeroRow {
    static let kind = "Answer"
    var id: String
    var digest: String
    var status: Int
    var type: String
    var body: String
    var at: Timestamp

    var stored: JSON {
        .object([
            ("id", .string(id)), ("digest", .string(digest)), ("status", .number(String(status))),
            ("type", .string(type)),
            ("body", .string(body)), ("at", .number(String(at.microseconds))),
        ])
    }

    init(id: String, digest: String, status: Int, type: String, body: String, at: Timestamp) {
        self.id = id
        self.digest = digest
        self.status = status
        self.type = type
        self.body = body
        self.at = at
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string, let digest = stored["digest"]?.string, let status = stored["status"]?.int,
            let body = stored["body"]?.string
        else { return nil }
        self.init(
            id: id, digest: digest, status: status, type: stored["type"]?.string ?? "application/json", body: body,
            at: stored.xeroMoment("at"))
    }
}

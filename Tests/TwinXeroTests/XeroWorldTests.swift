import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinXero

/// What people do by hand, how the app hears of changes, and the limits that are the vendor's whim.
@Suite("Xero: the organisation's world")
struct XeroWorldTests {
    private static let url = "http://127.0.0.1:9/hooks/xero"

    @discardableResult
    private func happen(_ desk: XeroDesk, _ json5: String) throws -> JSON { try desk.twin.happen(try JSON(json5: json5), at: desk.now) }

    private func taken(_ desk: XeroDesk) -> [DueWebhook] { desk.twin.takeWebhooks(at: desk.now, most: 100) }

    private func told(_ event: JSON) -> String { "\(event["eventCategory"]?.string ?? "") \(event["eventType"]?.string ?? "")" }

    private func isRight(_ webhook: DueWebhook) -> Bool {
        webhook.request.fields["x-xero-signature"] == Base64.encode(HMAC.sha256(key: Array(XeroTwin.webhookKey.utf8), webhook.request.body))
    }

    /// A desk whose app has shown its intent to receive.
    private func subscribed(_ desk: XeroDesk, more: String = "") throws {
        try happen(desk, "{do: 'subscribes', url: '\(Self.url)', \(more)}")
        for webhook in taken(desk) { desk.twin.settleWebhook(webhook.id, status: isRight(webhook) ? 200 : 401, at: desk.now) }
        #expect(try happen(desk, "{do: 'webhook'}")["status"]?.string == "ok")
    }

    // MARK: Webhooks

    @Test("a receiver is asked for its intent with right and wrong signatures, and has it when it tells them apart", arguments: 1 ... 8)
    func intent(seed: Int) throws {
        let desk = try XeroDesk(seed: UInt64(seed))
        #expect(try happen(desk, "{do: 'subscribes', url: '\(Self.url)'}") == ["status": "pending", "key": .string(XeroTwin.webhookKey)])
        let asked = taken(desk)
        #expect(asked.count == 4 && Set(asked.map(isRight)) == [true, false])
        for webhook in asked {
            let body = try JSON(parsing: webhook.request.body)
            #expect(body["events"] == [] && body["firstEventSequence"] == 0 && body["lastEventSequence"] == 0 && body["entropy"]?.string?.count == 20)
            try desk.invoice("n\(webhook.id)", "1")
            desk.twin.settleWebhook(webhook.id, status: isRight(webhook) ? 200 : 401, at: desk.now)
        }
        #expect(try happen(desk, "{do: 'webhook'}") == ["status": "ok"])
        #expect(taken(desk).isEmpty, "what happened before is not told")
    }

    @Test(
        "a receiver that takes a wrong signature for right, refuses a right one, or does not answer has not shown its intent",
        arguments: [(false, 200), (true, 401), (true, 500), (false, nil), (true, nil)] as [(Bool, Int?)])
    func noIntent(right: Bool, status: Int?) throws {
        let desk = try XeroDesk()
        try happen(desk, "{do: 'subscribes', url: '\(Self.url)'}")
        let webhook = try #require(taken(desk).first { isRight($0) == right })
        desk.twin.settleWebhook(webhook.id, status: status, at: desk.now)
        #expect(try happen(desk, "{do: 'webhook'}") == ["status": "failed"])
        try desk.invoice("A1", "1")
        #expect(taken(desk).isEmpty && desk.twin.nextWebhook() == nil)
        #expect(try happen(desk, "{do: 'validates'}") == ["status": "pending"])
        let later = try desk.reopened()
        for webhook in taken(later) { later.twin.settleWebhook(webhook.id, status: isRight(webhook) ? 200 : 401, at: later.now) }
        #expect(try happen(later, "{do: 'webhook'}") == ["status": "ok"])
    }

    /// - Source: xero-webhooks.yaml, creditNoteCreate, and the shape of its events.
    @Test("changes go out batched, numbered and signed, each once a call, as created or updated")
    func events() throws {
        let desk = try XeroDesk()
        try subscribed(desk)
        desk.now = Timestamp(rfc3339: "2026-11-20T09:14:09.923Z") ?? desk.now
        let invoice = try desk.invoice("A1", "10")
        try desk.pay(invoice, "4")
        let note = try desk.creditNote("C1", "5")
        let webhook = try #require(taken(desk).first)
        #expect(isRight(webhook) && webhook.request.target == Self.url)
        let body = try JSON(parsing: webhook.request.body)
        let events = try #require(body["events"]?.array)
        #expect(events.map(told) == ["CONTACT CREATE", "INVOICE CREATE", "INVOICE UPDATE", "CREDITNOTE CREATE"])
        #expect(body["firstEventSequence"] == 1 && body["lastEventSequence"] == 4)
        let expected: JSON = [
            "resourceUrl": .string("https://api.xero.com/api.xro/2.0/CreditNotes/\(note)"), "resourceId": .string(note), "tenantId": .string(XeroTwin.tenantID),
            "tenantType": "ORGANISATION", "eventCategory": "CREDITNOTE", "eventType": "CREATE", "eventDateUtc": "2026-11-20T09:14:09.923",
            "data": ["Type": "ACCRECCREDIT", "Status": "AUTHORISED"],
        ]
        #expect(events.last == expected)
        try desk.invoice("A2", "1")
        let next = try JSON(parsing: try #require(taken(desk).first).request.body)
        #expect(next["firstEventSequence"] == 5, "what is under way is left as it is")
    }

    @Test("what is not answered 200 comes again for a day, each time the same, and then the webhook is disabled")
    func retries() throws {
        let desk = try XeroDesk()
        try subscribed(desk, more: "categories: ['INVOICE']")
        try desk.call(.put, "Contacts", #"{Contacts: [{Name: "Not asked for"}]}"#)
        #expect(taken(desk).isEmpty)
        try desk.invoice("A1", "10")
        let first = try #require(taken(desk).first)
        desk.twin.settleWebhook(first.id, status: 201, at: desk.now)
        var waited: Int64 = 0
        for minutes: Int64 in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 417] {
            #expect(desk.twin.nextWebhook() == desk.now + .seconds(minutes * 60))
            desk.now = desk.now + .seconds(minutes * 60)
            waited += minutes
            let again = taken(desk)
            #expect(again.map(\.id) == [first.id] && again.first?.request.body == first.request.body)
            desk.twin.settleWebhook(first.id, status: 500, at: desk.now)
        }
        #expect(waited == 24 * 60)
        #expect(try happen(desk, "{do: 'webhook'}") == ["status": "disabled"])
        #expect(desk.twin.nextWebhook() == nil)
        try happen(desk, "{do: 'unsubscribes'}")
        #expect(try happen(desk, "{do: 'webhook'}") == ["status": "none"])
        let unknown = "{do: 'subscribes', url: '\(Self.url)', categories: ['PAYMENT']}"
        for body in ["{do: 'subscribes', url: 'http://example.com'}", unknown, "{do: 'validates'}", "{do: 'rains'}"] {
            #expect(throws: Fault.self) { try happen(desk, body) }
        }
    }

    // MARK: By hand

    @Test("what a person edits, voids, pays and deletes shows to the app as its own changes do, and lock dates do not stop it")
    func byHand() throws {
        let desk = try XeroDesk()
        let id = try desk.invoice("A1", "10")
        try subscribed(desk)
        desk.twin.setLockDate(LocalDate("2026-11-30"))
        desk.now = desk.now + .seconds(60)
        func types() throws -> [String] {
            try taken(desk).flatMap { webhook in
                desk.twin.settleWebhook(webhook.id, status: 200, at: desk.now)
                return try JSON(parsing: webhook.request.body)["events"]?.array?.map(told) ?? []
            }
        }
        try happen(desk, "{do: 'edits', endpoint: 'Invoices', id: 'A1', object: {Reference: 'typed over', DueDate: '2026-12-24'}}")
        #expect(try desk.call(.get, "Invoices/A1").member("Invoices")?[0]?["Reference"]?.string == "typed over")
        let payment = "{Invoice: {InvoiceID: '\(id)'}, Account: {Code: '611'}, Date: '2026-11-20', Amount: 10}"
        let paid = try happen(desk, "{do: 'enters', endpoint: 'Payments', object: \(payment)}")
        #expect(try desk.call(.get, "Invoices/A1").member("Invoices")?[0]?["Status"]?.string == "PAID")
        try happen(desk, "{do: 'deletes', endpoint: 'Payments', id: '\(paid["id"]?.string ?? "")'}")
        #expect(try happen(desk, "{do: 'voids', endpoint: 'Invoices', id: '\(id)'}")["status"]?.string == "VOIDED")
        #expect(try types() == ["INVOICE UPDATE", "INVOICE UPDATE", "INVOICE UPDATE", "INVOICE UPDATE"])
        var since = try desk.request(.get, "Invoices")
        since.fields["If-Modified-Since"] = "2026-11-20T09:01:00"
        #expect(try JSON(parsing: desk.send(since).body).member("Invoices")?[0]?["Status"]?.string == "VOIDED")
        #expect(try desk.refusal(.put, "Payments", "{Payments: [\(payment)]}").count == 3, "the app is still refused")
        let wrong = [
            ("{do: 'voids', endpoint: 'Invoices', id: '\(id)'}", "object"), ("{do: 'voids', endpoint: 'Invoices', id: 'B1'}", "id"),
            ("{do: 'voids', endpoint: 'Invoices'}", "id"), ("{do: 'enters'}", "endpoint"), ("{do: 'enters', endpoint: 'Mugs'}", "id"),
            ("{do: 'locks', period: 'soon'}", "period"),
        ]
        for (body, position) in wrong {
            let fault = #expect(throws: Fault.self) { try happen(desk, body) }
            #expect(fault?.position == position, "\(body)")
        }
    }

    @Test("a contact is renamed, archived, restored and merged by hand: its documents are the other's, and both changes are told")
    func contacts() throws {
        let desk = try XeroDesk()
        let invoice = try desk.invoice("A1", "10")
        let id = try #require(try desk.call(.get, "Contacts").member("Contacts")?[0]?["ContactID"]?.string)
        let other = try #require(try desk.call(.put, "Contacts", #"{Contacts: [{Name: "Great Client"}]}"#).member("Contacts")?[0]?["ContactID"]?.string)
        try subscribed(desk)
        try happen(desk, "{do: 'renames', contact: '\(id)', name: 'Shop'}")
        try happen(desk, "{do: 'archives', contact: '\(id)'}")
        #expect(try desk.refusal(.post, "Contacts/\(id)", #"{Contacts: [{EmailAddress: "a@example.com"}]}"#) == [XeroState.archivedContact])
        try happen(desk, "{do: 'restores', contact: '\(id)'}")
        try happen(desk, "{do: 'merges', contact: '\(id)', into: '\(other)'}")
        let gone = try #require(try desk.call(.get, "Contacts/\(id)").member("Contacts")?[0])
        #expect(gone["ContactStatus"]?.string == "ARCHIVED" && gone["MergedToContactID"]?.string == other && gone["Name"]?.string == "Shop")
        #expect(try desk.reopened().call(.get, "Invoices/\(invoice)").member("Invoices")?[0]?["Contact"]?["ContactID"]?.string == other)
        #expect(try desk.call(.get, "Contacts").member("Contacts")?.array?.count == 1)
        #expect(try desk.call(.get, "Contacts?includeArchived=true").member("Contacts")?.array?.count == 2)
        let events = try taken(desk).flatMap { try JSON(parsing: $0.request.body)["events"]?.array ?? [] }
        #expect(events.map { $0["eventCategory"]?.string } == ["CONTACT", "CONTACT", "CONTACT", "CONTACT", "CONTACT", "INVOICE"])
        let wrong = [
            "{do: 'merges', contact: '\(id)', into: '\(other)'}", "{do: 'merges', contact: '\(other)', into: '\(id)'}",
            "{do: 'merges', contact: '\(other)', into: '\(other)'}", "{do: 'renames', contact: '\(id)'}", "{do: 'archives', account: '999'}",
        ]
        for body in wrong {
            #expect(throws: Fault.self) { try happen(desk, body) }
        }
    }

    @Test("an account is renamed, archived and restored by hand, and shows as changed")
    func accounts() throws {
        let desk = try XeroDesk()
        try happen(desk, "{do: 'renames', account: '200', name: 'Pots'}")
        try happen(desk, "{do: 'archives', account: '200'}")
        var since = try desk.request(.get, "Accounts")
        since.fields["If-Modified-Since"] = "2026-11-20T09:00:00"
        let changed = try #require(try JSON(parsing: desk.send(since).body).member("Accounts")?.array)
        #expect(changed.map { "\($0["Name"]?.string ?? "") \($0["Status"]?.string ?? "")" } == ["Pots ARCHIVED"])
        try happen(desk, "{do: 'restores', account: '200'}")
        try desk.invoice("A1", "1")
    }

    // MARK: Limits

    @Test("each limit has its problem: minute, day and app with the time to wait, concurrency without")
    func problems() throws {
        let desk = try XeroDesk(limits: XeroLimits())
        for (window, wait) in [("minute", 60), ("appminute", 60), ("day", 86_280)] {
            try happen(desk, "{do: 'spends', window: '\(window)', left: 1}")
            #expect(try desk.raw(.get, "Currencies").status == 200)
            let refused = try desk.raw(.get, "Currencies")
            #expect(refused.status == 429 && refused.fields["X-Rate-Limit-Problem"] == window && refused.fields["Retry-After"] == "\(wait)")
            if window != "day" { desk.now = desk.now + .seconds(60) }
            if window == "day" { desk.now = desk.now + .seconds(1000) }
        }
        #expect(try desk.raw(.get, "Currencies").fields["Retry-After"] == "85280", "the day began with the first call")
        #expect(throws: Fault.self) { try happen(desk, "{do: 'spends', window: 'week'}") }
        let crowded = try XeroDesk(limits: .starter)
        #expect(try crowded.raw(.get, "Currencies").fields["X-DayLimit-Remaining"] == "999")
        try happen(crowded, "{do: 'crowds', calls: 2}")
        for _ in 0 ..< 2 {
            let refused = try crowded.raw(.get, "Currencies")
            #expect(refused.status == 429 && refused.fields["X-Rate-Limit-Problem"] == "concurrent" && refused.fields["Retry-After"] == nil)
        }
        #expect(try crowded.raw(.get, "Currencies").status == 200)
    }

    /// - Source: XeroAPI/xero-python issue 148.
    @Test("an organisation of very many rows refuses filters and orders that are not optimised")
    func highVolume() throws {
        let desk = try XeroDesk()
        try desk.invoice("A1", "10")
        func filter(_ list: String, _ text: String) -> String { "\(list)?where=" + Form.percent(text) }
        let poor = [
            filter("Invoices", #"InvoiceNumber=="A1""#), filter("Invoices", #"Date>DateTime(2026,1,1) AND Reference.StartsWith("cf")"#),
            "Invoices?order=Total%20DESC", filter("Contacts", #"ContactNumber="A400""#),
        ]
        let good = [
            filter("Invoices", #"Reference=="cf:A1 order 1" AND Status=="AUTHORISED""#), "Invoices?order=UpdatedDateUTC%20ASC,Date&page=1",
            "Invoices?InvoiceNumbers=A1", filter("Payments", #"Reference=="x""#), filter("Contacts", #"Name=="Shop customers""#),
        ]
        for path in poor + good { #expect(try desk.raw(.get, path).status == 200, "\(path)") }
        try happen(desk, "{do: 'grows'}")
        for path in poor {
            let answer = try desk.call(.get, path, status: 400)
            #expect(answer["Type"]?.string == "HighVolumeException")
        }
        let message =
            "Your request is not filtering Contacts efficiently, given the extremely high volume for this organisation. Please check "
            + "https://developer.xero.com/documentation/api/efficient-data-retrieval for tips on making Contact retrieval more efficient."
        #expect(try desk.call(.get, poor[3], status: 400)["Message"]?.string == message)
        for path in good { #expect(try desk.reopened().raw(.get, path).status == 200, "\(path)") }
        try happen(desk, "{do: 'grows', on: false}")
        #expect(try desk.raw(.get, poor[0]).status == 200)
        let small = try XeroDesk(limits: XeroLimits(highVolumeRows: 2))
        try small.invoice("A1", "10")
        #expect(try small.raw(.get, poor[0]).status == 200)
        try small.invoice("A2", "10")
        #expect(try small.raw(.get, poor[0]).status == 400)
    }
}

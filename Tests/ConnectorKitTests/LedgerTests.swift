import Books
import Catalog
import ConnectorKit
import Kernel
import Testing
import Wire

@Suite("What a ledger's connector makes of answers")
struct LedgerTests {
    private func word(_ outcome: PostOutcome) -> String {
        switch outcome {
        case .posted: "posted"
        case .duplicate: "duplicate"
        case .rejected: "rejected"
        case .throttled: "throttled"
        case .stale: "stale"
        case .unknown: "unknown"
        }
    }

    @Test(
        "a success without a word of the document leaves its outcome open: never posted, never refused",
        arguments: ledgerIDs, forms)
    func unreadable(id: String, form: PostingForm) throws {
        let it = try ledger(id)
        let facts = try Specimen(id).facts
        for count in [1, 2] {
            let documents = (1 ... count).map { document(form, $0, at: id) }
            for (name, bytes) in oddBodies {
                for status in [200, 201, 202, 204] {
                    let (ending, calls) = play(it.create(documents, attempt: "a", facts), it) { _, _ in
                        HTTPResponse(status, body: bytes)
                    }
                    guard calls.contains(where: { $0.kind == .write }) else {
                        if case .judged(let verdict) = ending {
                            #expect(["unavailable", "rejected"].contains(ConnectorKitTests.word(verdict)))
                        }
                        continue
                    }
                    switch ending {
                    case .finished(let outcomes):
                        #expect(
                            outcomes.map(word) == Array(repeating: "unknown", count: count), "\(status) with \(name)")
                    case .judged(let verdict):
                        #expect(ConnectorKitTests.word(verdict) == "outcomeUnknown", "\(status) with \(name)")
                    case .failed, .endless: Issue.record("\(status) with \(name): the outcome is not told")
                    }
                }
            }
        }
    }

    @Test("a success that holds the vendor's error is never posted", arguments: ledgerIDs, forms)
    func errorUnderSuccess(id: String, form: PostingForm) throws {
        let it = try ledger(id)
        let specimen = try Specimen(id)
        for problem in specimen.errors {
            let (ending, _) = play(it.create([document(form, at: id)], attempt: "a", specimen.facts), it) { _, _ in
                HTTPResponse(200, fields: problem.response.fields, body: problem.response.body)
            }
            for outcome in ending.output ?? [] { #expect(word(outcome) != "posted", "\(problem.response.bodyText)") }
        }
    }

    @Test("a create tells one outcome for each document, whatever is answered", arguments: ledgerIDs)
    func counts(id: String) throws {
        let it = try ledger(id)
        let specimen = try Specimen(id)
        for seed in 1 ... 60 as ClosedRange<UInt64> {
            var chance = Seeded(seed)
            let documents = (1 ... chance.int(1 ... 4)).map {
                document(chance.pick(forms), $0, at: id, effect: chance.flip(9) ? .void : .post)
            }
            let answers = (0 ..< 6).map { _ in answer(specimen, &chance) }
            let (ending, _) = play(it.create(documents, attempt: "a", specimen.facts), it) { _, n in
                answers[n % answers.count]
            }
            if let outcomes = ending.output { #expect(outcomes.count == documents.count, "seed \(seed)") }
        }
    }

    private func answer(_ specimen: Specimen, _ chance: inout Seeded) -> HTTPResponse {
        var response = chance.flip(5) && !specimen.errors.isEmpty ? chance.pick(specimen.errors).response : chance.pick(specimen.answers)
        if chance.flip(), let json = try? JSON(parsing: response.body) { response.body = chance.spoiled(json) }
        if chance.flip(8) { response.status = chance.pick([200, 201, 400, 404, 409]) }
        return response
    }

    @Test("no conversation, however spoiled, stops the program or goes on for ever", arguments: ledgerIDs)
    func fuzz(id: String) throws {
        let it = try ledger(id)
        let specimen = try Specimen(id)
        for seed in 1 ... 60 as ClosedRange<UInt64> {
            var chance = Seeded(seed &+ 10_000)
            let answers = (0 ..< 8).map { _ in answer(specimen, &chance) }
            let form = chance.pick(forms)
            let (new, old) = (document(form, at: id), document(form, at: id, remote: true))
            func ends<Output>(_ exchange: Exchange<Output>) {
                let (ending, _) = play(exchange, it, most: 400) { _, n in answers[n % answers.count] }
                if case .endless = ending { Issue.record("seed \(seed): no end") }
            }
            ends(it.identify(specimen.facts))
            ends(it.chart(specimen.facts))
            ends(it.update(old, attempt: "a", specimen.facts))
            ends(it.void(old, attempt: "a", specimen.facts))
            ends(it.find([new, document(.invoice, 2, at: id)], specimen.facts))
            ends(it.fetch([old], specimen.facts))
            let wants = it.references(for: new)
            ends(it.findReferences(wants, specimen.facts))
            ends(it.createReferences(wants, specimen.facts))
        }
    }

    private func asked(_ it: any LedgerConnector, _ documents: [LedgerDocument], _ facts: ConnectionFacts) -> [String] {
        play(it.find(documents, facts), it, most: 1) { _, _ in HTTPResponse(500) }.calls.map {
            "\($0.request.target) \(String(decoding: $0.request.body, as: UTF8.self))"
        }
    }

    @Test(
        "the same key is looked up by the same words, whatever became of the figures; another key by others",
        arguments: ledgerIDs, [PostingForm.invoice, .creditNote])
    func find(id: String, form: PostingForm) throws {
        let it = try ledger(id)
        let facts = try Specimen(id).facts
        guard it.spec.idempotency.searchable else { return }
        let first = asked(it, [document(form, at: id)], facts)
        #expect(!first.isEmpty)
        var later = document(form, at: id, amount: 2_500, remote: true, marks: " new")
        later.revision = 4
        later.remoteVersion = "9"
        #expect(asked(it, [later], facts) == first)
        // A list that no key narrows is the same for all of them.
        guard !it.spec.idempotency.isListed else { return }
        #expect(asked(it, [document(form, 2, at: id)], facts) != first)
        #expect(first.contains { $0.contains(key(1).text) }, "our key is searched for")
    }

    @Test("where lists are read instead of a search, they begin with the send of the oldest that is looked for, and with nothing where nobody knows it", arguments: ledgerIDs)
    func listed(id: String) throws {
        let it = try ledger(id)
        let facts = try Specimen(id).facts
        guard it.spec.idempotency.isListed else { return }
        var dated = document(.invoice, at: id)
        dated.since = Timestamp(seconds: 1_794_700_800)
        #expect(asked(it, [dated], facts) != asked(it, [document(.invoice, at: id)], facts))
        var unlike = document(.invoice, 2, at: id)
        unlike.since = dated.since
        #expect(asked(it, [dated, unlike], facts) == asked(it, [dated], facts))
        #expect(asked(it, [dated, document(.invoice, 2, at: id)], facts) == asked(it, [document(.invoice, at: id)], facts), "one that nobody dates is looked for everywhere")
    }

    /// All that a conversation may send, whatever of the specimen's answers comes: it goes on as far as one of them lets it.
    private func sent(_ begin: Exchange<[PostKey: LedgerReadback]>, _ it: any LedgerConnector, _ specimen: Specimen) -> [String] {
        reached(begin, it, specimen.answers + [HTTPResponse(404)], most: 120).map {
            "\($0.request.method.rawValue) \($0.request.target) \(String(decoding: $0.request.body, as: UTF8.self))"
        }
    }

    /// What may have become of accounts since a document was written: another one, one of another kind, one of which nothing is known, none.
    private static let bindings: [(name: String, change: @Sendable (inout BoundAccount, Int) -> Void)] = [
        ("another account", { account, _ in (account.code, account.remoteID) = ("999", guid(99)) }),
        ("a bank account", { account, i in if i == 0 { account.type = "BANK" } }),
        ("a bank account of FreeAgent's", { account, i in if i == 0 { (account.type, account.remoteID) = ("bank", "bank_accounts/9") } }),
        ("a code that the ledger lacks", { account, _ in (account.remoteID, account.type, account.active) = (nil, "", false) }),
        ("nothing", { account, _ in account = BoundAccount(code: "", remoteID: nil, name: "", active: false, rule: "") }),
    ]

    @Test("where a document is looked for and read does not hang on what its accounts are bound to by now", arguments: ledgerIDs, PostingForm.allCases)
    func bound(id: String, form: PostingForm) throws {
        let it = try ledger(id), specimen = try Specimen(id)
        guard it.spec.objects.contains(where: { $0.carries.contains(form.rawValue) && $0.operations.contains(.create) }) else { return }
        for isKnown in [false, true] {
            let written = document(form, at: id, remote: isKnown)
            let found = sent(it.find([written], specimen.facts), it, specimen), read = sent(it.fetch([written], specimen.facts), it, specimen)
            #expect(!it.spec.idempotency.searchable || !found.isEmpty)
            for (name, change) in Self.bindings {
                var later = written
                for i in later.lines.indices { change(&later.lines[i].account, i) }
                #expect(sent(it.find([later], specimen.facts), it, specimen) == found, "find, bound to \(name)")
                #expect(sent(it.fetch([later], specimen.facts), it, specimen) == read, "fetch, bound to \(name)")
            }
        }
    }

    @Test("looking for nothing asks nothing and finds nothing", arguments: ledgerIDs)
    func nothing(id: String) throws {
        let it = try ledger(id)
        let facts = try Specimen(id).facts
        for exchange in [it.find([], facts), it.fetch([], facts)] {
            let (ending, calls) = play(exchange, it) { _, _ in HTTPResponse(500) }
            #expect(calls.isEmpty && ending.output?.isEmpty == true)
        }
        #expect(
            play(it.create([], attempt: "a", facts), it) { _, _ in HTTPResponse(500) }.ending.output?.isEmpty == true)
    }

    @Test("our key is in what is written, so that it can be found again", arguments: ledgerIDs, forms)
    func keyed(id: String, form: PostingForm) throws {
        let it = try ledger(id)
        guard it.spec.idempotency.searchable else { return }
        let calls = play(it.create([document(form, 7, at: id)], attempt: "a", try Specimen(id).facts), it) { _, _ in
            HTTPResponse(500)
        }.calls
        let write = try #require(calls.first { $0.kind == .write })
        #expect(String(decoding: write.request.body, as: UTF8.self).contains(key(7).text))
        let again = play(it.create([document(form, 7, at: id)], attempt: "b", try Specimen(id).facts), it) { _, _ in
            HTTPResponse(500)
        }.calls
        #expect(again.first?.request.body == write.request.body, "another attempt writes the same document")
    }

    @Test(
        "what a document must look like when read back is its key, day, currency and total, and what a payment pays", arguments: ledgerIDs, forms
    )
    func meant(id: String, form: PostingForm) throws {
        let it = try ledger(id)
        let (one, more) = (
            it.meant(document(form, 3, at: id, remote: true)), it.meant(document(form, 3, at: id, amount: 1_001, remote: true))
        )
        #expect(one.key == key(3) && one.remoteID == remoteID(43, at: id) && !one.voided)
        #expect(one.total_minor == 1_000 && more.total_minor == 1_001)
        #expect(one.currency.map { $0 == "USD" } ?? true)
        #expect(one.date.map { $0 == LocalDate(daysSince1970: 20_771) } ?? true)
        // A change that moves a payment to another invoice changes nothing else: whoever looks whether it was made has to see this.
        #expect(form != .payment || one.appliesTo == remoteID(77, at: id))
        #expect(it.meant(document(form, 3, at: id, remote: true)) == one)
    }

    @Test("documents that go together go in one call of at most the stated size", arguments: ledgerIDs)
    func batches(id: String) throws {
        let it = try ledger(id)
        let facts = try Specimen(id).facts
        for (form, size) in it.spec.batchSizes.sorted(by: { $0.key < $1.key }) {
            let documents = (1 ... size).map { document(PostingForm(rawValue: form) ?? .invoice, $0, at: id) }
            #expect(Set(documents.map { it.batchGroup(of: $0) }).count == 1, "\(form)")
            let writes = play(it.create(documents, attempt: "a", facts), it, most: 1) { _, _ in HTTPResponse(500) }
                .calls.filter { $0.kind == .write }
            #expect(writes.count <= 1, "\(form)")
            if let body = writes.first?.request.body {
                let sent = String(decoding: body, as: UTF8.self)
                #expect(documents.allSatisfy { sent.contains($0.key.text) }, "\(form): all of a batch go in one call")
            }
        }
    }
}

import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinReturns

/// Somebody with a key to one store: asks, moves the clock, lets things happen.
final class ReturnsDesk {
    let journal: TwinJournal
    let twin: ReturnsTwin
    let store = "mesa"
    var key: String
    var now = Timestamp(rfc3339: "2026-11-14T17:00:00Z") ?? Timestamp(seconds: 0)

    init(_ platform: ReturnsTwin.Platform, journal: TwinJournal = TwinJournal(inMemory: [])) throws {
        self.journal = journal
        twin = try ReturnsTwin(platform, journal: journal)
        key = ReturnsTwin.key(of: "mesa")
    }

    /// The same twin as a restart finds it.
    func reopened() throws -> ReturnsDesk {
        let desk = try ReturnsDesk(twin.platform, journal: journal)
        desk.now = now
        return desk
    }

    func raw(_ path: String, _ method: HTTPMethod = .get, _ body: JSON? = nil) -> HTTPResponse {
        var request = HTTPRequest(method, path, body: body?.bytes ?? [])
        request.fields[twin.platform == .loop ? "X-Authorization" : "as-api-key"] = key
        return twin.respond(request, at: now)
    }

    func get(_ path: String, status: Int = 200, at place: SourceLocation = #_sourceLocation) throws -> JSON {
        let answer = raw(path)
        #expect(answer.status == status, "\(answer.bodyText)", sourceLocation: place)
        return try JSON(parsing: answer.body)
    }

    @discardableResult
    func happens(_ happening: JSON) throws -> JSON { try twin.happen(happening.setting("store", .string(store)), at: now) }

    func refuses(_ happening: JSON) -> String? {
        do throws(Fault) {
            _ = try twin.happen(happening.setting("store", .string(store)), at: now)
            return nil
        } catch { return error.position ?? error.code }
    }

    /// Two of one line, 40.00 less 4.00 each, 5.94 of tax; asked for, not settled.
    static func asked(_ id: String = "55120") -> JSON {
        [
            "do": "requested", "id": .string(id), "order": "5512345678901", "order_name": "#1001", "fee": 464,
            "lines": [[
                "line": "1234", "sku": "W-1", "title": "Widget", "quantity": 2, "price": 8_000, "discount": 800, "tax": 594, "reason": "Too small",
                "group": "Size",
            ]],
        ]
    }
}

import Kernel
import Testing
import Wire

@testable import HTTPClient

/// A client that may reach exactly these hosts besides public ones.
func client(
    _ hosts: [String], connectionsPerHost: Int = 8, certificatesFile: String? = nil, change: (inout ExchangeLimits) -> Void = { _ in }
) -> HTTPClient {
    var limits = ExchangeLimits()
    // On a busy machine seconds may pass between two exchanges of a test: what is about reuse must not end for that.
    limits.writeReuseSeconds = limits.readReuseSeconds
    change(&limits)
    return HTTPClient(
        policy: EgressPolicy(allowedHosts: hosts), connectionsPerHost: connectionsPerHost, certificatesFile: certificatesFile,
        limits: limits)
}

/// Runs `body` with a server and a client that may reach it, and ends both.
func withServer(
    _ server: ScriptedServer, connectionsPerHost: Int = 8, change: (inout ExchangeLimits) -> Void = { _ in },
    _ body: (HTTPClient) async throws -> Void
) async throws {
    let client = client([server.host], connectionsPerHost: connectionsPerHost, change: change)
    do {
        try await body(client)
    } catch {
        await client.shutdown()
        await server.stop()
        throw error
    }
    await client.shutdown()
    await server.stop()
}

func expectAnswered(
    _ outcome: HTTPOutcome, _ status: Int = 200, sourceLocation: SourceLocation = #_sourceLocation
) -> HTTPResponse? {
    guard case .answered(let response) = outcome else {
        Issue.record("expected an answer, got \(outcome)", sourceLocation: sourceLocation)
        return nil
    }
    #expect(response.status == status, sourceLocation: sourceLocation)
    return response
}

func expectNotSent(_ outcome: HTTPOutcome, _ code: String, sourceLocation: SourceLocation = #_sourceLocation) {
    guard case .notSent(let fault) = outcome else {
        Issue.record("expected not sent, got \(outcome)", sourceLocation: sourceLocation)
        return
    }
    #expect(fault.code == code, "\(fault)", sourceLocation: sourceLocation)
    #expect(fault.stage == .http, sourceLocation: sourceLocation)
}

func expectUnknown(_ outcome: HTTPOutcome, _ code: String, sourceLocation: SourceLocation = #_sourceLocation) {
    guard case .unknown(let fault) = outcome else {
        Issue.record("expected unknown, got \(outcome)", sourceLocation: sourceLocation)
        return
    }
    #expect(fault.code == code, "\(fault)", sourceLocation: sourceLocation)
    #expect(fault.stage == .http, sourceLocation: sourceLocation)
}

"""
Card answers: what a card sent, and whose card it was, by the authority's word.

Login itself verifies no certificate: the authority does, as issuer, and gives a handle for the holder that nobody
else is given.  What login adds is whom the relying party expects.

Refused: whatever the authority refuses; a card of somebody else than the person of a transaction.

Source: DESIGN 4 (steps 1, 3, 5), 5.6; the authority's contract.
"""

from dataclasses import dataclass

from kiban.identity.authority.client import AuthorityClient
from kiban.identity.authority.contract import Approval, Authentication, SignatureVerification
from kiban.identity.login import transactions
from kiban.identity.login.clients import Clients
from kiban.identity.login.contract import ApprovalResult, CardResponse, SignResult
from kiban.identity.login.store import Request, Transaction
from kiban.identity.login.subjects import Subjects


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """A card's verified answer; made by `CardAnswers` alone."""

    holder: str
    kiban_token: str | None = None
    result: SignResult | ApprovalResult | None = None

    def __repr__(self) -> str:
        return "CardAnswer(…)"


@dataclass(frozen=True, slots=True)
class CardAnswers:
    """Collaborators are given."""

    authority: AuthorityClient
    clients: Clients
    subjects: Subjects
    origin: str

    async def verify(
        self, request: Request, transaction: Transaction | None, response: CardResponse
    ) -> CardAnswer:
        """The answer, if the authority believes it and it is the right person's."""
        if transaction is None:
            return await self._authenticated(request, response)
        if transaction.kind == "sign":
            signing = transactions.read_sign(transaction)
            answer, subject = await self._signed(signing.digest, response), signing.subject
        else:
            approval = transactions.read_approval(transaction)
            terms = transactions.terms(approval)
            reply = await self.authority.approve(
                Approval(
                    certificate=response.certificate,
                    terms=terms,
                    challenge=request.challenge,
                    signature=response.signature,
                    bearer=approval.bearer,
                    parties=approval.parties,
                )
            )
            answer = CardAnswer(reply.holder, result=ApprovalResult(tokens=reply.tokens))
            subject = approval.subject
        sector = self.clients.find(transaction.client).sector
        self.subjects.check(answer.holder, subject, sector=sector)
        return answer

    async def _authenticated(self, request: Request, response: CardResponse) -> CardAnswer:
        client = None if request.client is None else self.clients.find(request.client)
        asks_pseudonym = "pseudonym" in request.scope.split()
        reply = await self.authority.verify_authentication(
            Authentication(
                certificate=response.certificate,
                challenge=request.challenge,
                audience=self.origin,
                signature=response.signature,
                bearer=client.member if client and asks_pseudonym else None,
            )
        )
        return CardAnswer(reply.holder, kiban_token=reply.token)

    async def _signed(self, digest: str, response: CardResponse) -> CardAnswer:
        reply = await self.authority.verify_signature(
            SignatureVerification(
                certificate=response.certificate, digest=digest, signature=response.signature
            )
        )
        result = SignResult(certificate=response.certificate, signature=response.signature)
        return CardAnswer(reply.holder, result=result)

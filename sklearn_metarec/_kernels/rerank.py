"""Greedy choices among a user's candidates, and lists dealt from several orders.

The candidates of all users lie one user after the other: those of user u are the
entries `starts[u]` to `starts[u + 1]`. A choice is worth no more than the one before
it, so that sorting by worth gives the order of the choices; ties go to the first.
"""

import math

import numpy as np

from sklearn_metarec._kernels._jit import jit
from sklearn_metarec._kernels.topk import LOW


@jit(fastmath={"reassoc", "contract"})
def _inner_product(one, two):
    total = np.float32(0)
    for k in range(len(one)):
        total += one[k] * two[k]
    return total


@jit
def choose_diverse(
    lo, hi, starts, cols, relevance, vectors, diversity, chosen, worth, nearest,
    closeness,
):  # fmt: skip
    """Choose by relevance and distance to what is chosen (Carbonell and Goldstein).

    `chosen` gets entries, -1 where there are no more, and `worth` what each was worth:
    the relevance and `closeness`, the largest cosine (at least 0) with an item chosen
    before, which `nearest` names by its column, weighted by `diversity`.
    """
    keep = np.float32(1) - diversity
    for user in range(lo, hi):
        first, stop = starts[user], starts[user + 1]
        closeness[first:stop] = 0
        nearest[first:stop] = -1
        free = np.ones(stop - first, dtype=np.bool_)
        for place in range(chosen.shape[1]):
            best, most = -1, LOW
            for entry in range(first, stop):
                if free[entry - first]:
                    value = keep * relevance[entry] - diversity * closeness[entry]
                    if value > most:
                        best, most = entry, value
            chosen[user, place] = best
            worth[user, place] = most
            if best < 0:
                continue
            free[best - first] = False
            vector = vectors[cols[best]]
            for entry in range(first, stop):
                if free[entry - first]:
                    cosine = _inner_product(vectors[cols[entry]], vector)
                    if cosine > closeness[entry]:
                        closeness[entry] = cosine
                        nearest[entry] = cols[best]


@jit
def choose_calibrated(
    lo, hi, starts, cols, relevance, indptr, groups, shares, taste, smoothing, length,
    calibration, chosen, worth, gains,
):  # fmt: skip
    """Choose by relevance and by what is lacking of each group (Steck 2018).

    Row i of (`indptr`, `groups`, `shares`) says how much of item i belongs to which
    groups, `taste[user]` which share of the list each should have. `gains` of an entry
    is what it adds to the sum over groups of taste * log(share of the list), when it
    was chosen or else in the end.
    """
    keep = np.float32(1) - calibration
    n_groups = taste.shape[1]
    covered = np.empty(n_groups)
    fresh = (1 - smoothing) / length
    for user in range(lo, hi):
        first, stop = starts[user], starts[user + 1]
        for g in range(n_groups):
            covered[g] = smoothing * taste[user, g]
        free = np.ones(stop - first, dtype=np.bool_)
        bound = -LOW
        for place in range(chosen.shape[1]):
            best, most = -1, LOW
            for entry in range(first, stop):
                if free[entry - first]:
                    gain = 0.0
                    item = cols[entry]
                    for t in range(indptr[item], indptr[item + 1]):
                        wanted = taste[user, groups[t]]
                        if wanted > 0:
                            part = fresh * shares[t] / covered[groups[t]]
                            gain += wanted * math.log1p(part)
                    gains[entry] = gain
                    value = keep * relevance[entry] + calibration * gains[entry]
                    if value > most:
                        best, most = entry, value
            # Gains never grow, but for rounding.
            bound = min(bound, most)
            chosen[user, place] = best
            worth[user, place] = bound
            if best < 0:
                continue
            free[best - first] = False
            item = cols[best]
            for t in range(indptr[item], indptr[item + 1]):
                covered[groups[t]] += fresh * shares[t]


@jit
def deal(lo, hi, orders, classes, pattern, places, servers):
    """Give each item a place: whose turn it is names its best item that is left.

    `orders[m, u]` is the order of all items by member m, `classes[m, u]` how gladly it
    names each: 0 gladly, more less so. Where it has only worse ones left than others
    have, the next one with the best class takes its turn. `pattern` says whose turn it
    is at which place, over and over.
    """
    n_members, _, n_items = orders.shape
    at = np.empty(n_members, dtype=np.int64)
    for user in range(lo, hi):
        at[:] = 0
        places[user] = -1
        for place in range(n_items):
            owner = pattern[place % len(pattern)]
            server, lowest = owner, 127
            for step in range(n_members):
                member = (owner + step) % n_members
                order = orders[member, user]
                while places[user, order[at[member]]] >= 0:
                    at[member] += 1
                kind = classes[member, user, order[at[member]]]
                if kind < lowest:
                    server, lowest = member, kind
            item = orders[server, user, at[server]]
            places[user, item] = place
            servers[user, item] = server
